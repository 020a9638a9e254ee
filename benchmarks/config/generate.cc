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

namespace {

std::string Object(const std::string& api, const std::string& kind, const std::string& ns,
                   const std::string& name, const std::string& rest) {
  return absl::StrCat("apiVersion: ", api, "\nkind: ", kind, "\nmetadata:\n  name: ", name,
                      ns.empty() ? "" : absl::StrCat("\n  namespace: ", ns), "\n", rest, "---\n");
}

std::string Policies(int number, const std::string& ns, const std::string& name) {
  const std::string selector = absl::StrCat("matchLabels: {app: ", name, "}");
  const std::string security = "security.istio.io/v1";
  const std::string networking = "networking.istio.io/v1";
  return absl::StrCat(
      Object(security, "PeerAuthentication", ns, name,
             absl::StrCat("spec:\n  selector: {", selector,
                          "}\n  mtls: {mode: ", number % 20 == 0 ? "STRICT" : "PERMISSIVE", "}\n")),
      Object(security, "RequestAuthentication", ns, name,
             absl::StrCat("spec:\n  selector: {", selector,
                          "}\n  jwtRules: [{issuer: https://issuer.example.com, jwksUri: "
                          "https://issuer.example.com/keys}]\n")),
      Object(security, "AuthorizationPolicy", ns, name,
             absl::StrCat("spec:\n  selector: {", selector,
                          "}\n  rules: [{from: [{source: {namespaces: [",
                          number % 50 == 0 ? "nowhere" : ns, "]}}]}]\n")),
      Object("networking.istio.io/v1alpha3", "EnvoyFilter", ns, name,
             "spec:\n  configPatches:\n  - applyTo: CLUSTER\n    patch: {operation: MERGE, value: "
             "{connect_timeout: 1s}}\n"),
      Object(networking, "Sidecar", ns, name,
             absl::StrCat("spec:\n  workloadSelector: {labels: {app: ", name,
                          "}}\n  egress: [{hosts: [\"./*\"]}]\n")),
      Object("telemetry.istio.io/v1", "Telemetry", ns, name,
             absl::StrCat("spec:\n  selector: {", selector,
                          "}\n  accessLogging: [{providers: [{name: envoy}]}]\n")),
      Object(networking, "WorkloadEntry", ns, name,
             absl::StrCat("spec: {address: 192.168.", number / 250 % 250, ".", number % 250,
                          ", labels: {app: ", name, "}}\n")),
      Object(
          "v1", "Pod", ns, name,
          absl::StrCat("  labels: {app: ", name, ", version: v1}\nspec:\n  containers:\n",
                       "  - {name: app, image: app}\n",
                       number % 50 == 0 ? "" : "  - {name: istio-proxy, image: istio/proxyv2}\n")));
}

}  // namespace

std::string GenerateCluster(int services) {
  std::string text;
  for (int i = 0; i < services; ++i) {
    const std::string ns = Namespace(i);
    const std::string name = absl::StrCat("service-", i);
    if (i % kServicesOfNamespace == 0) {
      absl::StrAppend(&text,
                      Object("v1", "Namespace", "", ns, "  labels: {istio-injection: enabled}\n"));
    }
    absl::StrAppend(
        &text,
        Object("v1", "Service", ns, name,
               absl::StrCat("spec:\n  selector: {app: ", name, "}\n  ports: [{port: 80, name: ",
                            i % 50 == 0 ? "web" : "http", "}]\n")),
        Object("apps/v1", "Deployment", ns, name,
               absl::StrCat(
                   "spec:\n  replicas: 1\n  selector: {matchLabels: {app: ", name,
                   "}}\n  template:\n    metadata:\n      labels: {app: ", name, ", version: v1}\n",
                   i % 50 == 0 ? "      annotations: {sidecar.istio.io/nobody: knows}\n" : "",
                   "    spec:\n      containers:\n      - {name: app, image: app, "
                   "ports: [{containerPort: 80}]}\n")));
    if (i % 10 == 0) absl::StrAppend(&text, Policies(i, ns, name));
  }
  return text;
}

}  // namespace mesh::benchmarks
