// One thing that is wrong with a mesh's configuration as a whole.
#ifndef MESH_ANALYSIS_FINDING_H_
#define MESH_ANALYSIS_FINDING_H_

#include <string>
#include <string_view>

#include "mesh/base/source_position.h"

namespace mesh::analysis {

// The higher the worse.
enum class Level { kInfo, kWarning, kError };
// "info", "warning", "error".
std::string_view LevelName(Level level);

struct Finding {
  std::string code;  // "IST0101"
  Level level = Level::kError;
  std::string message;
  // The object it is about. `ns` is empty for kinds without namespaces.
  std::string kind;
  std::string ns;
  std::string name;
  // Of `field`, or of the object where the field is not in the file.
  SourcePosition position;
  std::string field;  // "spec.http[0].route[0].destination.host"
  std::string remedy;
  std::string documentation;  // "docs/findings/IST0101.md"
};

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_FINDING_H_
