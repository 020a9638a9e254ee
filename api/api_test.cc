#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "api/kubernetes/v1/kubernetes.pb.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/mesh/v1alpha1/network.pb.h"
#include "api/networking/v1alpha3/destination_rule.pb.h"
#include "api/networking/v1alpha3/envoy_filter.pb.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/service_entry.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "api/networking/v1alpha3/workload_entry.pb.h"
#include "api/networking/v1alpha3/workload_group.pb.h"
#include "api/networking/v1beta1/proxy_config.pb.h"
#include "api/security/v1beta1/authorization_policy.pb.h"
#include "api/security/v1beta1/peer_authentication.pb.h"
#include "api/security/v1beta1/request_authentication.pb.h"
#include "api/telemetry/v1alpha1/telemetry.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;

// One message of every file: naming it links the file's descriptors into this test.
const Descriptor* const kLinked[] = {
    istio::mesh::v1alpha1::MeshConfig::descriptor(),
    istio::mesh::v1alpha1::MeshNetworks::descriptor(),
    istio::networking::v1alpha3::DestinationRule::descriptor(),
    istio::networking::v1alpha3::EnvoyFilter::descriptor(),
    istio::networking::v1alpha3::Gateway::descriptor(),
    istio::networking::v1alpha3::ServiceEntry::descriptor(),
    istio::networking::v1alpha3::Sidecar::descriptor(),
    istio::networking::v1alpha3::VirtualService::descriptor(),
    istio::networking::v1alpha3::WorkloadGroup::descriptor(),
    istio::networking::v1beta1::ProxyConfig::descriptor(),
    istio::security::v1beta1::AuthorizationPolicy::descriptor(),
    istio::security::v1beta1::PeerAuthentication::descriptor(),
    istio::security::v1beta1::RequestAuthentication::descriptor(),
    istio::telemetry::v1alpha1::Telemetry::descriptor(),
    mesh::kubernetes::v1::Service::descriptor(),
};

struct FieldRow {
  const char* field;
  int number;
  const char* json_name;
};

TEST(Api, NumbersAndJsonNamesAreIstios) {
  for (const Descriptor* linked : kLinked) ASSERT_NE(linked, nullptr);
  const FieldRow rows[] = {
      {"istio.networking.v1alpha3.VirtualService.tls", 5, "tls"},
      {"istio.networking.v1alpha3.VirtualService.tcp", 4, "tcp"},
      {"istio.networking.v1alpha3.HTTPRoute.mirror_percentage", 19, "mirrorPercentage"},
      {"istio.networking.v1alpha3.TLSMatchAttributes.source_labels", 5, "sourceLabels"},
      {"istio.networking.v1alpha3.OutlierDetection.consecutive_5xx_errors", 7,
       "consecutive5xxErrors"},
      {"istio.networking.v1alpha3.EnvoyFilter.targetRefs", 6, "targetRefs"},
      {"istio.security.v1beta1.JWTRule.jwks", 10, "jwks"},
      {"istio.mesh.v1alpha1.MeshConfig.mesh_mTLS", 63, "meshMTLS"},
      {"istio.mesh.v1alpha1.MeshConfig.enable_auto_mtls", 43, "enableAutoMtls"},
      {"mesh.kubernetes.v1.ServiceSpec.cluster_ip", 3, "clusterIP"},
      {"mesh.kubernetes.v1.PodStatus.pod_ip", 1, "podIP"},
      {"mesh.kubernetes.v1.ContainerPort.container_port", 2, "containerPort"},
  };
  for (const FieldRow& row : rows) {
    const FieldDescriptor* field = DescriptorPool::generated_pool()->FindFieldByName(row.field);
    ASSERT_NE(field, nullptr) << row.field;
    EXPECT_EQ(field->number(), row.number) << row.field;
    EXPECT_EQ(field->json_name(), row.json_name);
  }
}

TEST(Api, RoundRobinIsFourAsInTodaysApi) {
  EXPECT_EQ(istio::networking::v1alpha3::LoadBalancerSettings::ROUND_ROBIN, 4);
  EXPECT_EQ(istio::networking::v1alpha3::LoadBalancerSettings::LEAST_CONN, 1);
}

TEST(Api, ReadsTheJsonThatIstioWrites) {
  istio::networking::v1alpha3::VirtualService service;
  const auto status = google::protobuf::util::JsonStringToMessage(
      R"({"hosts":["reviews"],"http":[{"route":[{"destination":{"host":"reviews","subset":"v1"},)"
      R"("weight":90}],"corsPolicy":{"allowCredentials":true},"timeout":"0.5s"}]})",
      &service);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(service.http(0).route(0).weight(), 90);
  EXPECT_TRUE(service.http(0).cors_policy().allow_credentials().value());
  EXPECT_EQ(service.http(0).timeout().nanos(), 500000000);
}

std::string TypeOf(const FieldDescriptor* field) {
  if (field->is_map()) {
    return "map<" + TypeOf(field->message_type()->map_key()) + ", " +
           TypeOf(field->message_type()->map_value()) + ">";
  }
  std::string type;
  if (field->message_type() != nullptr) {
    type = field->message_type()->full_name();
  } else if (field->enum_type() != nullptr) {
    type = field->enum_type()->full_name();
  } else {
    type = field->type_name();
  }
  return field->is_repeated() ? "repeated " + type : type;
}

// Every field of the published list stands in the api under its number, name, type and oneof.
TEST(Api, HasEveryFieldOfTheWireFacts) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with reference/wire.md";
  std::ifstream in(std::string(shared) + "/reference/wire.md");
  ASSERT_TRUE(in.good());
  const Descriptor* message = nullptr;
  int fields = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("## Enums", 0) == 0) break;
    if (line.rfind("##", 0) == 0) {
      message = nullptr;
      continue;
    }
    const size_t istio = line.find("istio.");
    if (istio == 0 || istio == 2) {
      std::string name = line.substr(istio);
      name = name.substr(0, name.find(' '));
      // The CA's messages are compiled with their service, not here.
      message = name.rfind("istio.v1.auth.", 0) == 0
                    ? nullptr
                    : DescriptorPool::generated_pool()->FindMessageTypeByName(name);
      if (name.rfind("istio.v1.auth.", 0) != 0) {
        EXPECT_NE(message, nullptr) << name;
      }
      continue;
    }
    if (message == nullptr || line.rfind("  ", 0) != 0) continue;
    const size_t digit = line.find_first_of("0123456789");
    const size_t colon = line.find(": ");
    ASSERT_NE(colon, std::string::npos) << line;
    const size_t space = line.find(' ', digit);
    const int number = std::stoi(line.substr(digit, space - digit));
    const std::string name = line.substr(space + 1, colon - space - 1);
    std::string type = line.substr(colon + 2);
    std::string oneof;
    if (const size_t bracket = type.find(" ["); bracket != std::string::npos) {
      oneof = type.substr(bracket + 2, type.size() - bracket - 3);
      type = type.substr(0, bracket);
    }
    const FieldDescriptor* field = message->FindFieldByName(name);
    ASSERT_NE(field, nullptr) << message->full_name() << "." << name;
    EXPECT_EQ(field->number(), number) << field->full_name();
    EXPECT_EQ(TypeOf(field), type) << field->full_name();
    EXPECT_EQ(field->containing_oneof() == nullptr ? "" : field->containing_oneof()->name(), oneof)
        << field->full_name();
    ++fields;
  }
  EXPECT_GT(fields, 700);
}

}  // namespace
