// What /debug/ca and /debug/secrets answer, as JSON text: certificates and names, never keys.
// Private to mesh/discovery. Pure but for what they ask the authority.
#ifndef MESH_DISCOVERY_AUTHORITY_PAGES_H_
#define MESH_DISCOVERY_AUTHORITY_PAGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "mesh/discovery/authority.h"
#include "mesh/discovery/pages.h"
#include "mesh/xds/server.h"

namespace mesh::discovery {

// {"trust_domain","rotation":{"possible","phase","root","new_root","plan"},"roots":[CERTIFICATE],
// "proxies":[{"proxy","ready","why","leaf_root","trusted_roots":[…],"not_after","expires"}],
// "alarms":[…]}, where a
// CERTIFICATE is {"subject","serial","not_before","not_after","expires","fingerprint","pem"}.
std::string AuthorityPage(const Authority& authority, const std::vector<std::string>& nodes,
                          absl::Time now);

// What a proxy holds: [{"name","type":"certificate|roots","valid","identity", CERTIFICATE's keys}],
// the leaf of a chain and each root. False where that proxy is not connected; `page` then names
// those that are. `authority` may be null.
bool SecretsPage(const std::vector<xds::PeerStatus>& peers, const LastSent& sent,
                 const Authority* authority, std::string_view proxy, absl::Time now,
                 std::string* page);

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_AUTHORITY_PAGES_H_
