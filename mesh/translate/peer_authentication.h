// Which mutual TLS a workload demands. Private to this folder.
#ifndef MESH_TRANSLATE_PEER_AUTHENTICATION_H_
#define MESH_TRANSLATE_PEER_AUTHENTICATION_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "mesh/config/resource.h"

namespace mesh::translate {

enum class MutualTls { kDisable, kPermissive, kStrict };

// PeerAuthentications: the mesh's (root namespace, no selector), a namespace's, a workload's, the
// oldest of each; the narrower one wins, UNSET is the wider one's, and PERMISSIVE where nobody
// says.
class PeerAuthentications {
 public:
  PeerAuthentications() = default;
  PeerAuthentications(absl::Span<const config::ResourcePtr> resources,
                      std::string_view root_namespace);

  MutualTls OfNamespace(std::string_view ns) const;
  // `port` is the workload's, not the service's; 0 asks for ports that nobody names.
  MutualTls OfWorkload(std::string_view ns, const std::map<std::string, std::string>& labels,
                       uint32_t port) const;

 private:
  config::ResourcePtr mesh_;
  std::map<std::string, config::ResourcePtr, std::less<>> namespaces_;
  std::map<std::string, std::vector<config::ResourcePtr>, std::less<>> workloads_;
};

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_PEER_AUTHENTICATION_H_
