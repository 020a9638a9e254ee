// The one place where the version of this project stands.
#ifndef MESH_BASE_VERSION_H_
#define MESH_BASE_VERSION_H_

namespace mesh {

inline constexpr char kVersion[] = "0.1.0";
// Whose semantics the configuration has.
inline constexpr char kIstioSemantics[] = "1.7.3";

}  // namespace mesh

#endif  // MESH_BASE_VERSION_H_
