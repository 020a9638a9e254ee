// Between std::string_view, which public headers speak, and the system Abseil's own type.
#ifndef MESH_BASE_STRINGS_H_
#define MESH_BASE_STRINGS_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace mesh {

// Borrow: valid as long as the argument's bytes are. Both are the same where Abseil uses the
// standard's type.
inline absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }
inline std::string_view Std(absl::string_view s) { return std::string_view(s.data(), s.size()); }

}  // namespace mesh

#endif  // MESH_BASE_STRINGS_H_
