// Plain tables as RouteConfigurations in JSON, every route answering with its own name.
#ifndef TESTS_ROUTE_ENVOY_JSON_H_
#define TESTS_ROUTE_ENVOY_JSON_H_

#include <memory>
#include <string>
#include <vector>

#include "mesh/route/rule.h"
#include "mesh/route/table.h"
#include "nlohmann/json.hpp"

namespace mesh {

// Each route is a direct response whose body is "HOST/ID", with HOST the place of the virtual host.
nlohmann::ordered_json EnvoyJson(
    const std::vector<std::shared_ptr<const route::VirtualHost>>& hosts,
    const route::TableOptions& options);

}  // namespace mesh

#endif  // TESTS_ROUTE_ENVOY_JSON_H_
