// Certificates, keys and roots that listeners and clusters refer to by name.
#ifndef MESH_PROXY_SECRET_H_
#define MESH_PROXY_SECRET_H_

#include <optional>
#include <string>
#include <vector>

#include "mesh/tls/certificate.h"
#include "mesh/tls/context.h"

namespace mesh::proxy {

// One named secret, as SDS knows them: our own certificate with its key, or whom to trust, or both.
// A value.
struct Secret {
  std::string name;
  std::optional<tls::Identity> identity;
  std::optional<std::vector<tls::Certificate>> roots;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_SECRET_H_
