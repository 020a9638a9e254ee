// What translation makes: Envoy v3 resources, and beside their bytes where each part comes from.
#ifndef MESH_TRANSLATE_RESOURCE_H_
#define MESH_TRANSLATE_RESOURCE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/base/source_position.h"

namespace google::protobuf {
class Message;
}

namespace mesh::translate {

inline constexpr std::string_view kListenerType =
    "type.googleapis.com/envoy.config.listener.v3.Listener";
inline constexpr std::string_view kClusterType =
    "type.googleapis.com/envoy.config.cluster.v3.Cluster";
inline constexpr std::string_view kRouteType =
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
inline constexpr std::string_view kEndpointType =
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

// The field of a user's object that a part of a resource was made from.
struct Origin {
  std::string object;  // "VirtualService default/bookinfo"
  std::string field;   // "spec.http[0].match[1]"; "" for the object as a whole
  SourcePosition position;
};
bool operator==(const Origin& a, const Origin& b);

// Path in the resource, in protobuf's field names ("virtual_hosts[2].routes[0]"), to its origin.
using Provenance = std::map<std::string, Origin, std::less<>>;

// Never changes; shared by all proxies that are sent the same.
struct Resource {
  std::string name;
  std::string_view type_url;  // one of the constants above
  std::shared_ptr<const google::protobuf::Message> message;
  std::string bytes;    // `message`, serialised deterministically
  std::string version;  // ContentHash(bytes)
  Provenance provenance;

  // The origin of `path` or of its nearest ancestor that has one; null where none has.
  const Origin* OriginOf(std::string_view path) const;
};
using ResourcePtr = std::shared_ptr<const Resource>;

// Something in the configuration that translation left out or changed without Istio saying so.
struct Finding {
  std::string code;  // "MSH0101" …
  Origin origin;
  std::string message;

  // "bookinfo.yaml:14:9: VirtualService default/bookinfo spec.http[1]: …"
  std::string ToString() const;
};

// All that one proxy is sent. Each list is in a fixed order: the same input gives the same output.
struct Output {
  std::vector<ResourcePtr> listeners, clusters, routes, endpoints;
  std::vector<Finding> findings;  // by position, without duplicates
};

// {"listeners":[…],"clusters":[…],"routes":[…],"endpoints":[…]}, protobuf's JSON with every Any
// resolved. Resources whose type is not wanted are left out: an empty mask wants all.
struct JsonOptions {
  bool listeners = true, clusters = true, routes = true, endpoints = true;
  bool indent = true;
};
absl::StatusOr<std::string> OutputToJson(const Output& output, const JsonOptions& options = {});

// One resource; `indent` as above.
absl::StatusOr<std::string> ResourceToJson(const Resource& resource, bool indent = true);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_RESOURCE_H_
