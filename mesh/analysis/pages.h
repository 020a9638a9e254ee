// The pages of docs/findings, which the build puts into the library. Private to this folder.
#ifndef MESH_ANALYSIS_PAGES_H_
#define MESH_ANALYSIS_PAGES_H_

#include <string_view>

#include "absl/types/span.h"

namespace mesh::analysis {

struct Page {
  std::string_view code;
  std::string_view text;
};
// By code.
absl::Span<const Page> AllPages();

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_PAGES_H_
