// What is wrong with one field of what a user wrote, and all such errors together.
#ifndef MESH_BASE_FIELD_ERROR_H_
#define MESH_BASE_FIELD_ERROR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "mesh/base/source_position.h"

namespace mesh {

// Reads as one line:
//   bookinfo.yaml:14:9: VirtualService default/bookinfo spec.http[0].match[1].uri: unknown field
//   "prefx", did you mean "prefix"?
// The message says what is wrong and what to write instead.
struct FieldError {
  SourcePosition position;
  std::string object;  // "VirtualService default/bookinfo"; empty where no object is known
  std::string field;   // "spec.http[0].match[1].uri"; empty for the object as a whole
  std::string message;

  std::string ToString() const;
};

// One InvalidArgument status out of all errors, one a line; OK where there are none.
absl::Status ToStatus(const std::vector<FieldError>& errors);

// The candidate most like `word` (few edits), or "" when none is near: for "did you mean".
// Cost: O(candidates x length^2).
std::string_view NearestName(std::string_view word,
                             const std::vector<std::string_view>& candidates);

}  // namespace mesh

#endif  // MESH_BASE_FIELD_ERROR_H_
