#include "benchmarks/config/generate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace mesh::benchmarks {
namespace {

constexpr int kServicesOfNamespace = 100;

std::string Namespace(int service) { return absl::StrCat("team-", service / kServicesOfNamespace); }

std::string Head(const std::string& kind, const std::string& ns, const std::string& name) {
  return absl::StrCat("apiVersion: networking.istio.io/v1beta1\nkind: ", kind,
                      "\nmetadata:\n  name: ", name, "\n  namespace: ", ns,
                      "\n  labels:\n    app.kubernetes.io/part-of: shop\nspec:\n");
}

int GatewayCount(int all) { return std::max(1, all / 5); }

}  // namespace

std::string GenerateVirtualService(int number, int all) {
  const std::string ns = Namespace(number);
  const std::string name = absl::StrCat("service-", number);
  const int gateway = number % 250 == 249 ? all : number % GatewayCount(all);
  const std::string host = absl::StrCat(name, ".", ns, ".svc.cluster.local");
  return absl::StrCat(
      Head("VirtualService", ns, name), "  hosts:\n  - ", name, ".example.com\n  gateways:\n  - ",
      "edge/gateway-", gateway,
      "\n  http:\n  - name: canary\n    match:\n    - uri:\n        prefix: /api/v2/\n"
      "      headers:\n        x-user-group:\n          exact: testers\n    rewrite:\n"
      "      uri: /\n    route:\n    - destination:\n        host: ",
      host, "\n        subset: ", number % 100 == 99 ? "v9" : "v2",
      "\n        port:\n          number: 80\n    timeout: 2.5s\n    retries:\n      attempts: 3\n"
      "      perTryTimeout: 500ms\n      retryOn: 5xx,reset\n  - name: all\n    match:\n    - "
      "uri:\n"
      "        prefix: /\n    route:\n    - destination:\n        host: ",
      host,
      "\n        subset: v1\n        port:\n          number: 80\n      weight: 90\n"
      "    - destination:\n        host: ",
      host, "\n        subset: v2\n        port:\n          number: 80\n      weight: 10\n");
}

std::string GenerateDestinationRule(int number, int all) {
  const std::string ns = Namespace(number);
  const std::string name = absl::StrCat("service-", number);
  return absl::StrCat(
      Head("DestinationRule", ns, name), "  host: ", name, ".", ns,
      ".svc.cluster.local\n  trafficPolicy:\n    connectionPool:\n      http:\n"
      "        http2MaxRequests: 1000\n        idleTimeout: 30s\n"
      "    loadBalancer:\n      simple: LEAST_REQUEST\n    outlierDetection:\n"
      "      consecutive5xxErrors: 5\n      interval: 10s\n  subsets:\n  - name: v1\n"
      "    labels:\n      version: v1\n  - name: v2\n    labels:\n"
      "      version: v2\n");
}

std::string GenerateGateway(int number, int all) {
  return absl::StrCat(Head("Gateway", "edge", absl::StrCat("gateway-", number)),
                      "  selector:\n    istio: ingressgateway\n  servers:\n  - port:\n"
                      "      number: 80\n      name: http\n      protocol: HTTP\n    hosts:\n"
                      "    - \"*.example.com\"\n");
}

std::vector<GeneratedFile> GenerateConfig(int services) {
  std::vector<GeneratedFile> files;
  for (int i = 0; i < services; ++i) {
    files.push_back(
        {absl::StrCat("destination-rule-", i, ".yaml"), GenerateDestinationRule(i, services)});
  }
  for (int i = 0; i < GatewayCount(services); ++i) {
    files.push_back({absl::StrCat("gateway-", i, ".yaml"), GenerateGateway(i, services)});
  }
  for (int i = 0; i < services; i += kServicesOfNamespace) {
    std::string entry =
        absl::StrCat(Head("ServiceEntry", Namespace(i), "services"),
                     "  location: MESH_INTERNAL\n  resolution: NONE\n  ports:\n"
                     "  - number: 80\n    name: http\n    protocol: HTTP\n  hosts:\n");
    for (int k = i; k < std::min(services, i + kServicesOfNamespace); ++k) {
      absl::StrAppend(&entry, "  - service-", k, ".", Namespace(i), ".svc.cluster.local\n");
    }
    files.push_back({absl::StrCat("service-entry-", i, ".yaml"), std::move(entry)});
  }
  for (int i = 0; i < services; ++i) {
    files.push_back(
        {absl::StrCat("virtual-service-", i, ".yaml"), GenerateVirtualService(i, services)});
  }
  return files;
}

}  // namespace mesh::benchmarks
