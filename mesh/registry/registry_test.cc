#include "mesh/registry/registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"

namespace mesh::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const Registry> Load(const char* yaml, RegistryOptions options = {}) {
  config::ReadResult read = config::ReadYaml("test.yaml", yaml);
  for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
  return Registry::Build(*config::Snapshot::Of(read.resources), options);
}

// "address:port" of every endpoint of a service's port.
std::vector<std::string> Endpoints(const Registry& registry, const char* host, uint32_t number) {
  std::vector<std::string> result;
  const ServicePtr service = registry.FindService(host, "default");
  if (service == nullptr || service->FindPort(number) == nullptr) return {"no such port"};
  for (const Endpoint* endpoint : registry.EndpointsOf(*service, *service->FindPort(number))) {
    result.push_back(endpoint->address + ":" + std::to_string(endpoint->port));
  }
  return result;
}

constexpr char kReviews[] = R"(
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports:
  - {name: http, port: 80, targetPort: web}
  - {name: grpc-admin, port: 81, targetPort: 8081}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-a, namespace: default, labels: {app: reviews, version: v1, security.istio.io/tlsMode: istio}}
spec:
  serviceAccountName: bookinfo-reviews
  containers: [{name: c, ports: [{name: web, containerPort: 9080}]}]
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-b, namespace: default, labels: {app: reviews, version: v2}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.2, phase: Running, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-c, namespace: default, labels: {app: reviews}}
spec: {containers: [{name: c, ports: [{name: web, containerPort: 9081}]}]}
status: {podIP: 10.0.0.3, phase: Running, conditions: [{type: Ready, status: 'False'}]}
)";

TEST(Registry, EndpointsAreReadyPodsThatTheServiceSelects) {
  const auto registry = Load(kReviews);
  const char* host = "reviews.default.svc.cluster.local";
  // reviews-b has no port by that name, reviews-c is not ready.
  EXPECT_THAT(Endpoints(*registry, host, 80), ElementsAre("10.0.0.1:9080"));
  EXPECT_THAT(Endpoints(*registry, host, 81), ElementsAre("10.0.0.1:8081", "10.0.0.2:8081"));
  const ServicePtr service = registry->FindService(host, "default");
  EXPECT_THAT(service->addresses, IsEmpty());
  EXPECT_FALSE(service->headless);
  EXPECT_EQ(service->ports[0].protocol, Protocol::kHttp);
  EXPECT_EQ(service->ports[1].protocol, Protocol::kGrpc);
  const Endpoint& endpoint = *registry->EndpointsOf(*service, service->ports[0])[0];
  EXPECT_TRUE(endpoint.mutual_tls);
  EXPECT_EQ(endpoint.service_account, "spiffe://cluster.local/ns/default/sa/bookinfo-reviews");
  EXPECT_EQ(endpoint.labels.at("version"), "v1");
}

TEST(Registry, AProxyServesItsPortsBeforeItsPodIsReady) {
  const auto registry = Load(kReviews);
  const std::vector<Instance> instances = registry->InstancesOf("10.0.0.3", "default", {});
  ASSERT_EQ(instances.size(), 2);
  EXPECT_EQ(instances[0].endpoint.port, 9081);
  EXPECT_EQ(instances[1].endpoint.port, 8081);
}

TEST(Registry, AnUnknownProxyIsFoundByItsLabels) {
  const auto registry = Load(kReviews);
  EXPECT_EQ(registry->InstancesOf("10.9.9.9", "default", {{"app", "reviews"}}).size(), 1);
  EXPECT_THAT(registry->InstancesOf("10.9.9.9", "default", {{"app", "x"}}), IsEmpty());
  EXPECT_THAT(registry->InstancesOf("10.9.9.9", "other", {{"app", "reviews"}}), IsEmpty());
}

TEST(Registry, EndpointsObjectsReplaceSelection) {
  const auto registry = Load((std::string(kReviews) + R"(
---
apiVersion: v1
kind: Endpoints
metadata: {name: reviews, namespace: default}
subsets:
- addresses: [{ip: 10.0.0.2}]
  notReadyAddresses: [{ip: 10.0.0.1}]
  ports: [{name: http, port: 7070}]
)")
                                 .c_str());
  const char* host = "reviews.default.svc.cluster.local";
  EXPECT_THAT(Endpoints(*registry, host, 80), ElementsAre("10.0.0.2:7070"));
  EXPECT_THAT(Endpoints(*registry, host, 81), IsEmpty());
}

TEST(Registry, EndpointSlicesReplaceSelection) {
  const auto registry = Load((std::string(kReviews) + R"(
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-x, namespace: default, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints:
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.2], conditions: {ready: false}}
- {addresses: [10.0.0.3]}
)")
                                 .c_str());
  EXPECT_THAT(Endpoints(*registry, "reviews.default.svc.cluster.local", 80),
              ElementsAre("10.0.0.1:9080", "10.0.0.3:9080"));
}

constexpr char kDeployment[] = R"(
apiVersion: v1
kind: Service
metadata: {name: details, namespace: default}
spec: {selector: {app: details}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: details-v1, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: details}}
  template:
    metadata: {labels: {app: details, version: v1}}
    spec: {serviceAccountName: bookinfo-details, containers: [{name: c}]}
)";

TEST(Registry, ADeploymentStandsForItsPods) {
  const auto registry = Load(kDeployment);
  const WorkloadPtr first = registry->FindWorkload("default", "details-v1-0");
  const WorkloadPtr second = registry->FindWorkload("default", "details-v1-1");
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(first->ip.substr(0, 7), "10.244.");
  EXPECT_NE(first->ip, second->ip);
  EXPECT_EQ(first->service_account, "bookinfo-details");
  EXPECT_EQ(Endpoints(*registry, "details.default.svc.cluster.local", 9080).size(), 2);
  // The same name has the same address, whatever else there is.
  const auto again = Load((std::string(kReviews) + "---" + kDeployment).c_str());
  EXPECT_EQ(again->FindWorkload("default", "details-v1-0")->ip, first->ip);
}

TEST(Registry, GivenPodsWinOverTheirDeployments) {
  const auto registry = Load((std::string(kDeployment) + R"(
---
apiVersion: v1
kind: Pod
metadata: {name: details-v1-7, namespace: default, labels: {app: details, version: v1}}
spec: {containers: [{name: c}]}
status: {podIP: 127.1.0.2, phase: Running}
)")
                                 .c_str());
  EXPECT_EQ(registry->FindWorkload("default", "details-v1-0"), nullptr);
  EXPECT_THAT(Endpoints(*registry, "details.default.svc.cluster.local", 9080),
              ElementsAre("127.1.0.2:9080"));
}

TEST(Registry, DeploymentsNeedNotStandForAnything) {
  RegistryOptions options;
  options.expand_deployments = false;
  EXPECT_THAT(Load(kDeployment, options)->workloads(), IsEmpty());
}

TEST(Registry, HeadlessAndExternalNameServices) {
  const auto registry = Load(R"(
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: out, namespace: default}
spec: {type: ExternalName, externalName: example.com, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default, annotations: {networking.istio.io/exportTo: "., other"}}
spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}]}
)");
  const ServicePtr db = registry->FindService("db.default.svc.cluster.local", "default");
  EXPECT_TRUE(db->headless);
  EXPECT_EQ(db->resolution, Resolution::kPassthrough);
  const ServicePtr out = registry->FindService("out.default.svc.cluster.local", "default");
  EXPECT_EQ(out->resolution, Resolution::kDns);
  EXPECT_TRUE(out->mesh_external);
  EXPECT_THAT(Endpoints(*registry, "out.default.svc.cluster.local", 80),
              ElementsAre("example.com:80"));
  const ServicePtr web = registry->FindService("web.default.svc.cluster.local", "default");
  EXPECT_THAT(web->addresses, ElementsAre("10.96.0.7"));
  EXPECT_THAT(web->export_to, ElementsAre(".", "other"));
}

TEST(Registry, ServiceEntries) {
  const auto registry = Load(R"(
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: google, namespace: default}
spec:
  hosts: [www.google.com]
  ports: [{number: 443, name: https, protocol: HTTPS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: static, namespace: default}
spec:
  hosts: [db.example.com]
  addresses: [192.168.0.0/24, 192.168.1.1/32]
  ports: [{number: 3306, name: mysql, protocol: MySQL}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints:
  - {address: 10.1.0.1, ports: {mysql: 13306}, labels: {v: a}, locality: us/west/1, weight: 3}
  - {address: 'unix:///var/run/db.sock'}
---
apiVersion: networking.istio.io/v1alpha3
kind: WorkloadEntry
metadata: {name: vm, namespace: default}
spec: {address: 10.1.0.9, labels: {app: vm}, serviceAccount: vm}
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: selected, namespace: default}
spec:
  hosts: [vm.example.com]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: {labels: {app: vm}}
)");
  EXPECT_THAT(Endpoints(*registry, "www.google.com", 443), ElementsAre("www.google.com:443"));
  EXPECT_TRUE(registry->FindService("www.google.com", "default")->mesh_external);
  EXPECT_THAT(Endpoints(*registry, "db.example.com", 3306),
              ElementsAre("10.1.0.1:13306", "unix:///var/run/db.sock:0"));
  EXPECT_THAT(registry->FindService("db.example.com", "default")->addresses,
              ElementsAre("192.168.0.0/24", "192.168.1.1"));
  EXPECT_THAT(Endpoints(*registry, "vm.example.com", 80), ElementsAre("10.1.0.9:8080"));
  EXPECT_THAT(registry->FindService("vm.example.com", "default")->service_accounts,
              ElementsAre("spiffe://cluster.local/ns/default/sa/vm"));
}

TEST(Registry, AGatewaysPodIsARouter) {
  const auto registry = Load(R"(
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: gw, namespace: default}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: default, labels: {istio: ingress}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: default}
spec: {containers: [{name: c, args: [proxy, router]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: default}
spec: {containers: [{name: c, args: [proxy, sidecar]}]}
)");
  EXPECT_TRUE(registry->FindWorkload("default", "a")->router);
  EXPECT_TRUE(registry->FindWorkload("default", "b")->router);
  EXPECT_FALSE(registry->FindWorkload("default", "c")->router);
}

}  // namespace
}  // namespace mesh::registry
