// What clients send against what servers take, pair by pair.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"

namespace mesh::analysis {
namespace {

// The codes that a client's mode (of a DestinationRule, "" for none) and a server's give.
std::vector<std::string> Pair(const std::string& client, const std::string& server, bool in_mesh) {
  std::string yaml = absl::StrCat(R"(apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{port: 80, name: http, targetPort: 9080}]
---
apiVersion: v1
kind: Pod
metadata:
  name: reviews
  labels: {app: reviews}
  annotations: {sidecar.istio.io/inject: ")",
                                  in_mesh ? "true" : "false", R"("}
spec:
  containers: [{name: app, ports: [{containerPort: 9080}]}]
)");
  if (!client.empty()) {
    absl::StrAppend(&yaml, R"(---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {tls: {mode: )",
                    client, "}}\n");
  }
  if (!server.empty()) {
    absl::StrAppend(&yaml, R"(---
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: )",
                    server, "}}\n");
  }
  Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
  input.options.checks = {"mutual_tls"};
  std::vector<std::string> codes;
  for (const Finding& f : Analyze(*input.snapshot, input.options)) codes.push_back(f.code);
  return codes;
}

TEST(MutualTls, Matrix) {
  struct Case {
    const char* client;
    const char* server;
    bool in_mesh;
    std::vector<std::string> wanted;
  };
  const Case kCases[] = {
      {"", "", true, {}},
      {"", "STRICT", true, {}},
      {"", "DISABLE", true, {}},
      {"DISABLE", "", true, {}},
      {"DISABLE", "PERMISSIVE", true, {}},
      {"DISABLE", "STRICT", true, {"IST0113"}},
      {"DISABLE", "DISABLE", true, {}},
      {"ISTIO_MUTUAL", "", true, {}},
      {"ISTIO_MUTUAL", "STRICT", true, {}},
      {"ISTIO_MUTUAL", "DISABLE", true, {"IST0113"}},
      {"SIMPLE", "STRICT", true, {"IST0113"}},
      {"SIMPLE", "PERMISSIVE", true, {}},
      {"", "STRICT", false, {"MSH0130"}},
      {"DISABLE", "STRICT", false, {"MSH0130"}},
      {"ISTIO_MUTUAL", "", false, {"IST0115"}},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Pair(c.client, c.server, c.in_mesh), c.wanted)
        << "client " << c.client << ", server " << c.server << (c.in_mesh ? "" : ", no proxy");
  }
}

}  // namespace
}  // namespace mesh::analysis
