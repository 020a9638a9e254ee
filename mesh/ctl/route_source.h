// Route tables for the `route` verbs: RouteConfigurations in files, or what Istio's YAML becomes
// for one proxy.
#ifndef MESH_CTL_ROUTE_SOURCE_H_
#define MESH_CTL_ROUTE_SOURCE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/ctl/command.h"
#include "mesh/route/action/route_config.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

struct RouteSourceFlags {
  InputFlags input;
  std::string proxy;  // POD.NAMESPACE
  std::string route;  // name of a RouteConfiguration
};
// -f, -n, --proxy, --route.
void AddRouteSourceFlags(CLI::App* command, RouteSourceFlags* flags);

// One RouteConfiguration, loaded.
struct RouteTable {
  std::string name;
  std::shared_ptr<const route::action::RouteConfig> config;
  // What a person wrote a route as: "VirtualService default/reviews"; "" for a RouteConfiguration.
  std::function<std::string(uint32_t virtual_host, uint32_t route)> object_of;

  // {"file","line","resource","index","name"} of a route.
  nlohmann::ordered_json RuleJson(uint32_t virtual_host, uint32_t route) const;
  // "shop.yaml:12 VirtualService default/shop [3] cart", for people.
  std::string RuleText(uint32_t virtual_host, uint32_t route) const;
};

struct RouteTables {
  std::vector<RouteTable> tables;
  // The one that requests to this port and host of the proxy are looked up in, or null. With one
  // table, that one.
  const RouteTable* ForUrl(std::string_view scheme, std::string_view host, int port) const;
};

// Reads what the flags name. Nothing usable: says why on context->err, sets the exit code, returns
// no tables. Objects in error are said and left out.
RouteTables ReadRouteTables(const RouteSourceFlags& flags, Context* context);

// One RouteConfiguration file (`route test --config`).
RouteTables ReadRouteConfiguration(const std::string& path, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ROUTE_SOURCE_H_
