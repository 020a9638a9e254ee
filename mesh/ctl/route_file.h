// RouteConfigurations out of YAML or JSON files, with the places of what stands in them.
#ifndef MESH_CTL_ROUTE_FILE_H_
#define MESH_CTL_ROUTE_FILE_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "envoy/config/route/v3/route.pb.h"
#include "mesh/base/source_position.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

// The first document of a YAML (or JSON) text as JSON, and where each value stands, by its path
// ("virtual_hosts[0].routes[3]", keys as written).
struct JsonFile {
  nlohmann::ordered_json value;
  std::map<std::string, SourcePosition> positions;
};
// InvalidArgument: "FILE:LINE:COLUMN: why".
absl::StatusOr<JsonFile> ReadJsonFile(const std::string& name, std::string_view bytes);

struct RouteFile {
  ::envoy::config::route::v3::RouteConfiguration proto;
  std::map<std::string, SourcePosition> positions;

  // Of a path with the API's field names, or of the nearest value above it.
  SourcePosition PositionOf(std::string path) const;
};
// One RouteConfiguration in protobuf's JSON form (snake_case and camelCase). Unknown fields are an
// error. A DiscoveryResponse-like {"resources": [..]} or a list is not taken: one configuration.
absl::StatusOr<RouteFile> ReadRouteFile(const std::string& name, std::string_view bytes);
// The same of JSON that has been read already (and perhaps changed).
absl::StatusOr<RouteFile> ToRouteFile(const std::string& name, const JsonFile& json);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ROUTE_FILE_H_
