// Kinds: Kubernetes' own and its defaults, the mesh's settings, and what is not known here.
#include <string>
#include <vector>

#include "api/kubernetes/v1/kubernetes.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/mesh_config.h"
#include "mesh/config/read.h"
#include "mesh/config/read_testing.h"

namespace mesh::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ReadYaml, SkipsKindsThatItDoesNotKnow) {
  const ReadResult read = ReadYaml("x.yaml", R"(
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {rules: [{host: y}]}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web}
)");
  EXPECT_THAT(read.errors, IsEmpty());
  EXPECT_THAT(read.resources, IsEmpty());
  EXPECT_THAT(read.skipped, ElementsAre(0, 1));
  EXPECT_EQ(read.objects[0].kind, "Ingress");
  EXPECT_EQ(read.objects[0].ns, "shop");
  EXPECT_EQ(read.objects[0].name, "web");
  EXPECT_EQ(read.objects[0].skipped, "unknown kind");
}

TEST(ReadYaml, FillsInWhatKubernetesDoes) {
  namespace kube = ::mesh::kubernetes::v1;
  ReadOptions options;
  options.default_namespace = "shop";
  const ReadResult read = ReadYaml("x.yaml", R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
  - {port: 80, name: http}
  - {port: 81, name: admin, targetPort: admin}
  - {port: 53, name: dns, protocol: UDP, targetPort: 5353}
  externalTrafficPolicy: Local
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{containerPort: 80}], resources: {limits: {cpu: 1}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints:
- addresses: [10.0.0.1]
- addresses: [10.0.0.2]
  conditions: {ready: false}
ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, creationTimestamp: 2020-01-31T12:00:00Z}
spec: {serviceAccount: web}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
)",
                                   options);
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_THAT(Names(read), ElementsAre("Service shop/web", "Deployment shop/web",
                                       "EndpointSlice shop/web-1", "Pod shop/web-0"));
  const auto& service = read.resources[0]->As<kube::Service>().spec();
  EXPECT_EQ(service.ports(0).protocol(), "TCP");
  EXPECT_EQ(service.ports(0).target_port().number(), 80);
  EXPECT_EQ(service.ports(1).target_port().name(), "admin");
  EXPECT_EQ(service.ports(2).protocol(), "UDP");
  EXPECT_EQ(service.ports(2).target_port().number(), 5353);
  EXPECT_EQ(service.cluster_ip(), "");
  EXPECT_EQ(service.type(), "ClusterIP");
  EXPECT_EQ(read.resources[0]->PositionOf("spec.ports[1].targetPort").ToString(), "x.yaml:8:29");
  const auto& deployment = read.resources[1]->As<kube::Deployment>().spec();
  EXPECT_EQ(deployment.replicas(), 1);
  EXPECT_EQ(deployment.template_().metadata().labels().at("app"), "web");
  EXPECT_EQ(deployment.template_().spec().service_account_name(), "default");
  EXPECT_EQ(deployment.template_().spec().containers(0).ports(0).protocol(), "TCP");
  const auto& slice = read.resources[2]->As<kube::EndpointSlice>();
  EXPECT_TRUE(slice.endpoints(0).conditions().ready());
  EXPECT_FALSE(slice.endpoints(1).conditions().ready());
  EXPECT_EQ(slice.ports(0).protocol(), "TCP");
  const auto& pod = read.resources[3]->As<kube::Pod>();
  EXPECT_EQ(pod.spec().service_account_name(), "web");
  EXPECT_EQ(pod.status().pod_ip(), "10.0.0.1");
  EXPECT_EQ(read.resources[3]->metadata().creation,
            absl::FromCivil(absl::CivilSecond(2020, 1, 31, 12), absl::UTCTimeZone()));
}

TEST(ReadYaml, ATypeErrorInAKubernetesObjectIsOne) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: v1
kind: Service
metadata: {name: web, labels: {version: 1}}
spec: {ports: [{port: "80"}]}
)");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:3:41: Service default/web metadata.labels.version: a string is "
                          "wanted, this is the number 1 to YAML; put it in quotes: \"1\"",
                          "x.yaml:4:23: Service default/web spec.ports[0].port: a whole number is "
                          "wanted, this is the string \"80\"; leave the quotes out: 80"));
}

TEST(ReadYaml, WhatIsWrongWithASecretIsSaidWithoutRepeatingIt) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: v1
kind: Secret
metadata: {name: shop}
stringData: {password: 70462}
)");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:4:24: Secret default/shop stringData.password: is no text: write "
                          "it in quotes (it is not repeated here)"));
}

TEST(ReadMeshConfig, StandsOnIstiosDefaults) {
  const ReadResult read = ReadMeshConfig("mesh.yaml", R"(
enableAutoMtls: false
connectTimeout: 3s
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
defaultServiceExportTo: ["."]
defaultConfig:
  concurrency: 4
  tracing: {sampling: 10}
)");
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  ASSERT_EQ(read.resources.size(), 1);
  EXPECT_EQ(read.resources[0]->ObjectName(), "MeshConfig mesh");
  const auto& mesh = read.resources[0]->As<istio::mesh::v1alpha1::MeshConfig>();
  EXPECT_FALSE(mesh.enable_auto_mtls().value());
  EXPECT_EQ(mesh.connect_timeout().seconds(), 3);
  EXPECT_EQ(mesh.outbound_traffic_policy().mode(),
            istio::mesh::v1alpha1::MeshConfig::OutboundTrafficPolicy::REGISTRY_ONLY);
  ASSERT_EQ(mesh.default_service_export_to_size(), 1);
  EXPECT_EQ(mesh.default_service_export_to(0), ".");
  EXPECT_EQ(mesh.default_config().concurrency().value(), 4);
  // Said by nobody.
  EXPECT_EQ(mesh.default_config().discovery_address(), "istiod.istio-system.svc:15012");
  EXPECT_EQ(mesh.default_config().tracing().zipkin().address(), "zipkin.istio-system:9411");
  EXPECT_EQ(mesh.root_namespace(), "istio-system");
  EXPECT_EQ(mesh.access_log_file(), "/dev/stdout");
  EXPECT_EQ(read.resources[0]->PositionOf("defaultConfig.tracing.sampling").ToString(),
            "mesh.yaml:8:13");
}

TEST(ReadMeshConfig, SaysWhatIsWrong) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<std::string> errors;
  };
  const Row rows[] = {
      {"nothing at all is all defaults", "", {}},
      {"a field is misspelt",
       "enableAutoMTLS: true\n",
       {"mesh.yaml:1:1: MeshConfig: unknown field \"enableAutoMTLS\", did you mean "
        "\"enableAutoMtls\"?"}},
      {"a duration is wrong",
       "defaultConfig: {drainDuration: 10}\n",
       {"mesh.yaml:1:32: MeshConfig defaultConfig.drainDuration: a duration is wanted, this is the "
        "number 10; give it a unit: 10s"}},
      {"two documents",
       "{}\n---\n{}\n",
       {"mesh.yaml:3:1: a mesh has one MeshConfig, this is a second document"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(Texts(ReadMeshConfig("mesh.yaml", row.text).errors), row.errors);
  }
}

TEST(RefuseDuplicates, KeepsTheFirstAndNamesBothPlaces) {
  std::vector<ReadResult> inputs;
  inputs.push_back(ReadYaml("a.yaml", kBookinfo));
  inputs.push_back(ReadYaml("b.yaml", "# second\n" + std::string(kBookinfo)));
  RefuseDuplicates(&inputs);
  EXPECT_EQ(inputs[0].resources.size(), 1);
  EXPECT_THAT(inputs[1].resources, IsEmpty());
  EXPECT_THAT(Texts(inputs[1].errors),
              ElementsAre("b.yaml:2:1: VirtualService default/bookinfo: is also at a.yaml:1:1, "
                          "which stays in force; keep one of the two or rename it"));
}

TEST(ReadYaml, UnknownKindsKeepWhatTheyHoldWhereThatIsWanted) {
  const std::string yaml =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata:\n  mesh: text\n";
  EXPECT_EQ(ReadYaml("f.yaml", yaml).objects[0].document, nullptr);
  ReadOptions options;
  options.keep_unknown = true;
  const ReadResult read = ReadYaml("f.yaml", yaml, options);
  ASSERT_EQ(read.objects.size(), 1);
  const ReadObject& object = read.objects[0];
  EXPECT_EQ(object.skipped, "unknown kind");
  ASSERT_NE(object.document, nullptr);
  EXPECT_EQ(object.document->content.fields()
                .at("data")
                .struct_value()
                .fields()
                .at("mesh")
                .string_value(),
            "text");
  EXPECT_EQ(object.document->positions.Find("data.mesh").line, 5);
}

}  // namespace
}  // namespace mesh::config
