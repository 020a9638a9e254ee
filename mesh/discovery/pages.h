// What /debug answers, as JSON text. Private to mesh/discovery. Pure functions.
#ifndef MESH_DISCOVERY_PAGES_H_
#define MESH_DISCOVERY_PAGES_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/config/snapshot.h"
#include "mesh/registry/registry.h"
#include "mesh/xds/server.h"

namespace mesh::discovery {

// What was last sent of a type to a node id.
using LastSent = std::function<xds::Sent(std::string_view node_id, xds::Type type)>;

// "POD.NAMESPACE" out of a node id "sidecar~10.1.1.1~POD.NAMESPACE~DOMAIN"; other ids as they are.
std::string ProxyName(const envoy::config::core::v3::Node& node);

// /debug/syncz: [{"proxy","cds","lds","eds","rds","reason","version","meshd", ...}], see
// formats.md, proxy-status. Besides: "in_sync", "generation" and "acknowledged_generation" (of the
// configuration: all proxies have generation g once each acknowledged_generation is g or more),
// and of each type its version, what was acknowledged and the number of resources. "version" is
// over all that the proxy should have.
std::string SynczPage(const std::vector<xds::PeerStatus>& peers, const LastSent& sent,
                      std::string_view meshd);

// /debug/config_dump?proxyID=: what that proxy was sent last, in the form of Envoy's config_dump.
// False where it is not connected; `page` then names those that are.
bool ConfigDumpPage(const std::vector<xds::PeerStatus>& peers, const LastSent& sent,
                    std::string_view proxy, std::string* page);

// /debug/connections: [{"proxy","node","address","connected_since"}].
std::string ConnectionsPage(const std::vector<xds::PeerStatus>& peers);

// /debug/configz: the objects in force: [{"kind","apiVersion","namespace","name","file","line",
// "spec"}]. Of a Secret only the names of what it holds.
std::string ConfigPage(const config::Snapshot& snapshot);

// /debug/registryz: the services and their ports.
std::string RegistryPage(const registry::Registry& registry);

// /debug/endpointz: [{"service","port","endpoints":[{"address","port","workload", ...}]}].
std::string EndpointPage(const registry::Registry& registry);

// /debug/push_status: {"generation","since","proxies","in_sync","errors":[…]}.
// `alarms` are errors too.
std::string PushStatusPage(const std::vector<xds::PeerStatus>& peers, uint64_t generation,
                           absl::Time since, const std::vector<FieldError>& errors,
                           const std::vector<std::string>& alarms);

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_PAGES_H_
