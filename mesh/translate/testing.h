// A small mesh to translate, and what of the answer tests look at.
#ifndef MESH_TRANSLATE_TESTING_H_
#define MESH_TRANSLATE_TESTING_H_

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/translate.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {

using nlohmann::json;

// Two services with a pod each and a gateway.
inline constexpr char kBase[] = R"(
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.96.0.3, selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {clusterIP: 10.96.0.4, selector: {app: ratings}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-0, namespace: default, labels: {app: reviews, version: v1}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.3, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: ratings-0, namespace: default, labels: {app: ratings, version: v1, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.4, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway-0, namespace: istio-system, labels: {istio: gateway}}
spec: {containers: [{name: c, args: [proxy, router]}]}
status: {podIP: 10.0.0.9, phase: Running}
---
)";

// Servers of that gateway.
inline constexpr char kGateway[] = R"(
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  selector: {istio: gateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
  - {port: {number: 31400, name: tcp, protocol: TCP}, hosts: ['*']}
  - {port: {number: 31400, name: again, protocol: TCP}, hosts: ['*']}
  - {port: {number: 31401, name: lone, protocol: TCP}, hosts: ['*']}
  - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: a}}
  - {port: {number: 443, name: b, protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: b}}
  - {port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.local'], tls: {mode: AUTO_PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: tcp, namespace: default}
spec:
  hosts: ['*']
  gateways: [gw]
  tcp: [{match: [{port: 31400}], route: [{destination: {host: reviews, port: {number: 9080}}}]}]
---
)";

class Mesh {
 public:
  explicit Mesh(const std::string& yaml, const std::string& mesh_config = "",
                const World* previous = nullptr) {
    config::ReadResult read = config::ReadYaml("test.yaml", kBase + yaml);
    for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
    if (!mesh_config.empty()) {
      config::ReadResult mesh = config::ReadMeshConfig("mesh.yaml", mesh_config);
      for (const FieldError& error : mesh.errors) ADD_FAILURE() << error.ToString();
      read.resources.push_back(mesh.resources.front());
    }
    world_ = World::Build(config::Snapshot::Of(read.resources), {}, previous);
  }

  const World& world() const { return *world_; }
  Output For(const std::string& pod, Interception mode = Interception::kRedirect) const {
    absl::StatusOr<Node> node = world_->NodeOf(pod);
    EXPECT_TRUE(node.ok()) << node.status();
    node->interception = mode;
    return Translate(*world_, *node);
  }

 private:
  std::shared_ptr<const World> world_;
};

inline std::vector<std::string> Names(const std::vector<ResourcePtr>& resources) {
  std::vector<std::string> names;
  for (const ResourcePtr& resource : resources) names.push_back(resource->name);
  return names;
}

inline const Resource* Find(const std::vector<ResourcePtr>& resources, const std::string& name) {
  for (const ResourcePtr& resource : resources) {
    if (resource->name == name) return resource.get();
  }
  ADD_FAILURE() << "there is no " << name;
  return nullptr;
}

inline json Get(const std::vector<ResourcePtr>& resources, const std::string& name) {
  const Resource* resource = Find(resources, name);
  if (resource == nullptr) return json::object();
  return json::parse(ResourceToJson(*resource).value());
}

inline json VirtualHost(const std::vector<ResourcePtr>& routes, const std::string& table,
                        const std::string& name) {
  const json configuration = Get(routes, table);
  for (const json& host : configuration["virtualHosts"]) {
    if (host["name"] == name) return host;
  }
  return json();
}

// All findings as a user reads them, without the file's name and place.
inline std::vector<std::string> Findings(const Output& output) {
  std::vector<std::string> texts;
  for (const Finding& finding : output.findings) {
    texts.push_back(finding.code + " " + finding.origin.object + " " + finding.origin.field + ": " +
                    finding.message);
  }
  return texts;
}

// The clusters that a listener's filter chains lead to.
inline std::vector<std::string> ChainClusters(const json& listener) {
  std::vector<std::string> clusters;
  for (const json& chain : listener["filterChains"]) {
    const json config = chain["filters"][0]["typedConfig"];
    clusters.push_back(config.value("cluster", config.contains("rds") ? "http" : "?"));
  }
  return clusters;
}

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_TESTING_H_
