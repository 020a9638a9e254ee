// Everything that we send for the recorded scenarios, given to a real Envoy as its static
// configuration: today's Envoy must take every field of it.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/translate/translate.h"
#include "nlohmann/json.hpp"
#include "tests/translate/recorded.h"

namespace mesh::translate {
namespace {

using nlohmann::json;

// Puts the routes that a listener asks for into it, so that they are read too.
void InlineRoutes(const std::map<std::string, json>& routes, json& value) {
  if (value.is_array()) {
    for (json& item : value) InlineRoutes(routes, item);
  }
  if (!value.is_object()) return;
  if (value.contains("rds")) {
    const auto it = routes.find(value["rds"]["routeConfigName"].get<std::string>());
    ASSERT_NE(it, routes.end()) << value["rds"];
    value.erase("rds");
    value["routeConfig"] = it->second;
    return;
  }
  for (auto& [key, item] : value.items()) InlineRoutes(routes, item);
}

// Over a stream of their own: in a bootstrap, the shared stream is not there yet when the first
// clusters are read, and Envoy falls over secrets that it would fetch on it.
void FetchSecretsApart(json& value) {
  if (value.is_array()) {
    for (json& item : value) FetchSecretsApart(item);
  }
  if (!value.is_object()) return;
  if (value.contains("sdsConfig")) {
    value["sdsConfig"] = json::parse(R"({"resourceApiVersion": "V3", "apiConfigSource": {
      "apiType": "GRPC", "transportApiVersion": "V3",
      "grpcServices": [{"envoyGrpc": {"clusterName": "xds"}}]}})");
  }
  for (auto& [key, item] : value.items()) FetchSecretsApart(item);
}

json Bootstrap(json got) {
  json bootstrap = json::parse(R"({
    "node": {"id": "sidecar~127.0.0.1~a.b~c", "cluster": "a"},
    "dynamicResources": {"adsConfig": {"apiType": "GRPC", "transportApiVersion": "V3",
      "grpcServices": [{"envoyGrpc": {"clusterName": "xds"}}]}},
    "staticResources": {"clusters": [{"name": "xds", "connectTimeout": "1s", "type": "STATIC",
      "typedExtensionProtocolOptions": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          "explicitHttpConfig": {"http2ProtocolOptions": {}}}},
      "loadAssignment": {"clusterName": "xds", "endpoints": [{"lbEndpoints": [{"endpoint":
        {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 15010}}}}]}]}}]}
  })");
  std::map<std::string, json> routes;
  for (json& route : got["routes"]) routes[route["name"].get<std::string>()] = route;
  InlineRoutes(routes, got["listeners"]);
  FetchSecretsApart(got["clusters"]);
  json& clusters = bootstrap["staticResources"]["clusters"];
  for (json& cluster : got["clusters"]) clusters.push_back(cluster);
  // Endpoints have no place of their own there: they are read as a cluster's.
  int number = 0;
  for (json& endpoints : got["endpoints"]) {
    json cluster = {{"name", absl::StrCat("endpoints-", number++)},
                    {"type", "STATIC"},
                    {"connectTimeout", "1s"},
                    {"loadAssignment", endpoints}};
    cluster["loadAssignment"]["clusterName"] = cluster["name"];
    clusters.push_back(cluster);
  }
  bootstrap["staticResources"]["listeners"] = got["listeners"];
  return bootstrap;
}

std::string Shell(const std::string& command, int* status) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, n);
  *status = pclose(pipe);
  return output;
}

struct Envoy {
  std::string binary;  // empty: it cannot be had
  std::string reason;
};

const Envoy& FindEnvoy() {
  static const Envoy* const kEnvoy = [] {
    auto* envoy = new Envoy();
    int status = 0;
    std::string output = Shell("third_party/setup/peer envoy 2>&1", &status);
    while (!output.empty() && output.back() == '\n') output.pop_back();
    (status == 0 ? envoy->binary : envoy->reason) = output;
    return envoy;
  }();
  return *kEnvoy;
}

struct Scenario {
  const char* folder;
  const char* name;
};

class EnvoyAccepts : public testing::TestWithParam<Scenario> {};

TEST_P(EnvoyAccepts, WhatWeSend) {
  const Envoy& envoy = FindEnvoy();
  if (envoy.binary.empty()) {
    const char* required = std::getenv("REQUIRE_PEERS");
    if (required != nullptr && std::string(required) == "1") FAIL() << envoy.reason;
    GTEST_SKIP() << envoy.reason;
  }
  const absl::StatusOr<Recorded> recorded = LoadRecorded(GetParam().folder, GetParam().name);
  if (absl::IsUnavailable(recorded.status())) GTEST_SKIP() << recorded.status().message();
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  for (const RecordedProxy& proxy : recorded->proxies) {
    // One sidecar is like the other here; productpage and the gateway stand for all.
    if (proxy.name != "productpage-v1" && proxy.name != "ingressgateway" &&
        proxy.name != "reviews-v1") {
      continue;
    }
    const absl::StatusOr<std::string> text = OutputToJson(Translate(*recorded->world, proxy.node));
    ASSERT_TRUE(text.ok()) << text.status();
    const std::string file =
        absl::StrCat(testing::TempDir(), "/", GetParam().name, "-", proxy.name, ".json");
    std::ofstream(file) << Bootstrap(json::parse(*text, nullptr, false)).dump(1);
    int status = 0;
    const std::string output =
        Shell(absl::StrCat("'", envoy.binary, "' --mode validate -c '", file, "' 2>&1"), &status);
    EXPECT_EQ(status, 0) << GetParam().name << " " << proxy.name << ":\n" << output;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, EnvoyAccepts,
    testing::Values(Scenario{"local_none", "demo"}, Scenario{"xds_golden", "03-gateway-dr-mtls"},
                    Scenario{"xds_golden", "05-authz"},
                    Scenario{"xds_golden", "10-virtual-service-ratings-test-delay"},
                    Scenario{"xds_golden", "10-virtual-service-reviews-90-10"},
                    Scenario{"xds_golden", "12-egress"},
                    Scenario{"xds_golden", "20-https-kitchen-sink"},
                    Scenario{"xds_golden", "21-destinationrule-kitchen-sink"}),
    [](const testing::TestParamInfo<Scenario>& info) {
      std::string name = info.param.name;
      for (char& c : name) {
        if (!isalnum(c)) c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace mesh::translate
