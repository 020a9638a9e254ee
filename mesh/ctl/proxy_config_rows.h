// Envoy's resources in JSON as rows of a table. Private to mesh/ctl. Pure functions; what they do
// not find in a resource they leave out.
#ifndef MESH_CTL_PROXY_CONFIG_ROWS_H_
#define MESH_CTL_PROXY_CONFIG_ROWS_H_

#include "mesh/ctl/table.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

// The resources of meshd's /debug/config_dump (Envoy's config_dump), a list a type.
struct ProxyDump {
  nlohmann::ordered_json listeners = nlohmann::ordered_json::array();
  nlohmann::ordered_json clusters = nlohmann::ordered_json::array();
  nlohmann::ordered_json routes = nlohmann::ordered_json::array();
  nlohmann::ordered_json endpoints = nlohmann::ordered_json::array();
};
ProxyDump ReadProxyDump(const nlohmann::ordered_json& page);

// ClusterLoadAssignments: of EDS, and those that clusters hold themselves.
nlohmann::ordered_json AllAssignments(const ProxyDump& dump);

// ADDRESS PORT MATCH DESTINATION: a row a filter chain.
void AddListenerRows(const nlohmann::ordered_json& listener, Table* table);
// SERVICE FQDN, PORT, SUBSET, DIRECTION, TYPE, DESTINATION RULE: one row.
void AddClusterRows(const nlohmann::ordered_json& cluster, Table* table);
// NAME DOMAINS MATCH VIRTUAL SERVICE: a row a route.
void AddRouteRows(const nlohmann::ordered_json& route, Table* table);
// ENDPOINT STATUS OUTLIER CHECK CLUSTER: a row an address.
void AddEndpointRows(const nlohmann::ordered_json& assignment, Table* table);

}  // namespace mesh::ctl

#endif  // MESH_CTL_PROXY_CONFIG_ROWS_H_
