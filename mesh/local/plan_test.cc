#include "mesh/local/plan.h"

#include <stdlib.h>

#include <algorithm>

#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/local/files.h"
#include "mesh/local/objects.h"
#include "nlohmann/json.hpp"

namespace mesh::local {
namespace {

using ::testing::ElementsAre;

config::SnapshotPtr Read(const std::string& yaml) {
  config::ReadResult read = config::ReadYaml("test.yaml", yaml);
  for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
  for (const config::ResourcePtr& resource : read.resources) {
    for (const FieldError& error : config::ValidateResource(*resource)) {
      ADD_FAILURE() << error.ToString();
    }
  }
  return config::Snapshot::Of(std::move(read.resources));
}

config::SnapshotPtr ReadFiles(const std::vector<std::string>& paths) {
  std::string all;
  for (const std::string& path : paths) {
    const auto files = ListYamlFiles(path);
    EXPECT_TRUE(files.ok()) << files.status();
    for (const std::string& file : *files) all += *ReadFile(file) + "\n---\n";
  }
  return Read(all);
}

TEST(PlanTest, ImagesByTheirLastName) {
  const struct {
    const char* image;
    const char* role;  // "" none
    const char* version;
  } rows[] = {
      {"docker.io/istio/examples-bookinfo-reviews-v2:1.16.2", "reviews", "v2"},
      {"examples-bookinfo-productpage-v1", "productpage", "v1"},
      {"registry:5000/x/examples-bookinfo-ratings-v2@sha256:abc", "ratings", "v2"},
      {"docker.io/istio/examples-bookinfo-mysqldb:1.16.2", "", ""},
      {"docker.io/istio/examples-bookinfo-reviews-v9:1.16.2", "", ""},
      {"nginx:latest", "", ""},
      {"", "", ""},
  };
  for (const auto& row : rows) {
    const auto role = RoleOfImage(row.image);
    EXPECT_EQ(role.has_value() ? role->role : "", row.role) << row.image;
    EXPECT_EQ(role.has_value() ? role->version : "", row.version) << row.image;
  }
}

void ExpectBookinfo(const config::SnapshotPtr& snapshot) {
  const auto plan = MakePlan(*snapshot);
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<std::string> pods;
  for (const PodPlan& pod : plan->pods) {
    pods.push_back(pod.ns + "/" + pod.name + " " + pod.app.role + " " + pod.app.version + " " +
                   pod.service_account + " " + std::to_string(pod.ports.at(0).number));
  }
  EXPECT_THAT(pods, ElementsAre("default/details-v1-0 details v1 bookinfo-details 9080",
                                "default/productpage-v1-0 productpage v1 bookinfo-productpage 9080",
                                "default/ratings-v1-0 ratings v1 bookinfo-ratings 9080",
                                "default/reviews-v1-0 reviews v1 bookinfo-reviews 9080",
                                "default/reviews-v2-0 reviews v2 bookinfo-reviews 9080",
                                "default/reviews-v3-0 reviews v3 bookinfo-reviews 9080"));
  EXPECT_THAT(plan->outbound_ports, ElementsAre(9080));
  EXPECT_TRUE(plan->remarks.empty());
}

TEST(PlanTest, OurBookinfo) { ExpectBookinfo(ReadFiles({"examples/bookinfo/yaml"})); }

TEST(PlanTest, IstiosBookinfoUnchanged) {
  const char* shared = getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  ExpectBookinfo(ReadFiles({std::string(shared) + "/data/bookinfo/platform/kube/bookinfo.yaml"}));
}

constexpr char kOdd[] = R"(
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports:
  - {name: http-web, port: 80, targetPort: web}
  - {name: grpc, port: 90, targetPort: 7070}
  - {name: tcp-raw, port: 91}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: helper, image: busybox}
      - name: shop
        image: examples-bookinfo-details-v1
        ports: [{name: web, containerPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: db, image: postgres}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: lonely}
spec:
  selector: {matchLabels: {app: lonely}}
  template:
    metadata: {labels: {app: lonely}}
    spec:
      containers:
      - {name: lonely, image: examples-bookinfo-details-v1}
)";

TEST(PlanTest, WhatIsNotRunIsSaidAloud) {
  const auto plan = MakePlan(*Read(kOdd));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->pods.size(), 2u);
  EXPECT_EQ(plan->pods[1].name, "shop-1");
  EXPECT_EQ(plan->pods[1].index, 2);
  EXPECT_EQ(plan->pods[1].service_account, "default");
  EXPECT_THAT(plan->pods[1].ports, ElementsAre(PodPort{7070, "grpc"}, PodPort{8080, "http-web"}));
  EXPECT_THAT(plan->outbound_ports, ElementsAre(80, 90));
  EXPECT_THAT(
      plan->remarks,
      ElementsAre(
          "Deployment default/db (test.yaml:27:1): container db is not run: image postgres is none "
          "of Bookinfo's",
          "Deployment default/lonely (test.yaml:38:1): not run: no HTTP port of a Service in "
          "namespace default leads to it",
          "Deployment default/shop (test.yaml:12:1): container helper is not run: image busybox is "
          "none of Bookinfo's"));
}

TEST(PlanTest, NothingToRun) {
  EXPECT_EQ(MakePlan(*Read("")).status().message(),
            "the YAML has no Deployment that can be run here: none whose container is one of "
            "Bookinfo's (image …/examples-bookinfo-productpage-v1 and so on)");
}

TEST(ObjectsTest, APodAndItsSidecarAsTheDesignDrawsThem) {
  const auto plan = MakePlan(*ReadFiles({"examples/bookinfo/yaml"}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  const PodPlan& details = plan->pods[0];
  const auto snapshot =
      Read(PodObjects(details, {"127.1.0.1", "127.2.0.1", 18001}, plan->outbound_ports, true));
  const auto pod = snapshot->Find(config::Kind::kPod, "default", "details-v1-0");
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(pod->metadata().labels.at("version"), "v1");
  EXPECT_EQ(pod->As<kubernetes::v1::Pod>().status().pod_ip(), "127.1.0.1");
  EXPECT_EQ(pod->As<kubernetes::v1::Pod>().status().conditions(0).status(), "True");
  EXPECT_EQ(pod->As<kubernetes::v1::Pod>().spec().service_account_name(), "bookinfo-details");
  const auto resource = snapshot->Find(config::Kind::kSidecar, "default", "details-v1-0");
  ASSERT_NE(resource, nullptr);
  const auto& sidecar = resource->As<istio::networking::v1alpha3::Sidecar>();
  EXPECT_EQ(sidecar.workload_selector().labels().at(kPodLabel), "details-v1-0");
  ASSERT_EQ(sidecar.ingress_size(), 1);
  EXPECT_EQ(sidecar.ingress(0).bind(), "127.1.0.1");
  EXPECT_EQ(sidecar.ingress(0).port().number(), 9080);
  EXPECT_EQ(sidecar.ingress(0).default_endpoint(), "127.0.0.1:18001");
  EXPECT_EQ(sidecar.ingress(0).capture_mode(), istio::networking::v1alpha3::CaptureMode::NONE);
  ASSERT_EQ(sidecar.egress_size(), 1);
  EXPECT_EQ(sidecar.egress(0).bind(), "127.2.0.1");
  EXPECT_EQ(sidecar.egress(0).hosts(0), "*/*");
  EXPECT_EQ(SidecarNodeId(details, "127.1.0.1"),
            "sidecar~127.1.0.1~details-v1-0.default~default.svc.cluster.local");
  const auto metadata = nlohmann::json::parse(SidecarNodeMetadata(details, "127.1.0.1"));
  EXPECT_EQ(metadata["INTERCEPTION_MODE"], "NONE");
  EXPECT_EQ(metadata["LABELS"]["app"], "details");
  EXPECT_EQ(metadata["NAMESPACE"], "default");
}

TEST(ObjectsTest, TheGatewayAndThePlaintextPolicyAreValid) {
  const auto snapshot = Read(GatewayObjects("127.1.0.100", 8080, false));
  const auto service =
      snapshot->Find(config::Kind::kService, "istio-system", "istio-ingressgateway");
  ASSERT_NE(service, nullptr);
  const auto& port = service->As<kubernetes::v1::Service>().spec().ports(0);
  EXPECT_EQ(port.port(), 80);
  EXPECT_EQ(port.target_port().number(), 8080);
  EXPECT_NE(snapshot->Find(config::Kind::kPod, "istio-system", "istio-ingressgateway-0"), nullptr);
  for (const MutualTls mutual_tls : {MutualTls::kDisabled, MutualTls::kStrict}) {
    const auto policy = Read(PeerAuthenticationObjects(mutual_tls))
                            ->Find(config::Kind::kPeerAuthentication, "istio-system", "default");
    ASSERT_NE(policy, nullptr);
    EXPECT_EQ(policy->As<istio::security::v1beta1::PeerAuthentication>().mtls().mode(),
              mutual_tls == MutualTls::kStrict
                  ? istio::security::v1beta1::PeerAuthentication::MutualTLS::STRICT
                  : istio::security::v1beta1::PeerAuthentication::MutualTLS::DISABLE);
    const auto mesh = config::ReadMeshConfig("mesh.yaml", MeshConfigText(mutual_tls));
    ASSERT_TRUE(mesh.errors.empty()) << mesh.errors[0].ToString();
    const auto& settings = mesh.resources[0]->As<istio::mesh::v1alpha1::MeshConfig>();
    EXPECT_EQ(settings.enable_auto_mtls().value(), mutual_tls == MutualTls::kStrict);
    const std::string& format = settings.access_log_format();
    EXPECT_EQ(std::count(format.begin(), format.end(), '\n'),
              mutual_tls == MutualTls::kStrict ? 1 : 0)
        << format;
  }
  PodPlan pod;
  MarkMutualTls(&pod);
  EXPECT_EQ(pod.labels["security.istio.io/tlsMode"], "istio");
}

TEST(FilesTest, WritingIsAllOrNothing) {
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/object.json";
  ASSERT_TRUE(WriteAtomically(path, "one").ok());
  ASSERT_TRUE(WriteAtomically(path, "two").ok());
  EXPECT_EQ(*ReadFile(path), "two");
  EXPECT_EQ(WriteAtomically("/no/such/directory/x", "").message(),
            "cannot write /no/such/directory/x: No such file or directory");
  EXPECT_EQ(ListYamlFiles("/no/such").status().message(),
            "cannot read /no/such: No such file or directory");
}

}  // namespace
}  // namespace mesh::local
