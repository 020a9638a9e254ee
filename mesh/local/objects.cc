#include "mesh/local/objects.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace mesh::local {
namespace {

using Json = nlohmann::ordered_json;

std::string List(const Json& items) {
  return Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}.dump(
             2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

Json LabelsJson(const std::map<std::string, std::string>& labels) {
  Json object = Json::object();
  for (const auto& [name, value] : labels) object[name] = value;
  return object;
}

Json GatewayLabels() { return {{"app", kGatewayName}, {"istio", "ingressgateway"}}; }

Json PodJson(const std::string& name, const std::string& ns, const Json& labels,
             const std::string& service_account, const std::string& container,
             const std::vector<PodPort>& ports, const std::string& address, bool ready) {
  Json container_ports = Json::array();
  for (const PodPort& port : ports) container_ports.push_back({{"containerPort", port.number}});
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", name}, {"namespace", ns}, {"labels", labels}}},
      {"spec",
       {{"serviceAccountName", service_account},
        {"nodeName", "local"},
        {"containers", Json::array({{{"name", container}, {"ports", container_ports}}})}}},
      {"status",
       {{"podIP", address},
        {"hostIP", "127.0.0.1"},
        {"phase", "Running"},
        {"conditions", Json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}})}}}};
}

// "http" where there is one port, "http-9080" where there are more: names must differ.
std::string PortName(int number, size_t count) {
  return count == 1 ? "http" : absl::StrCat("http-", number);
}

std::string NodeId(const char* type, const std::string& address, const std::string& pod,
                   const std::string& ns) {
  return absl::StrCat(type, "~", address, "~", pod, ".", ns, "~", ns, ".svc.cluster.local");
}

std::string NodeMetadata(const std::string& pod, const std::string& ns, const Json& labels,
                         const std::string& workload, const std::string& service_account,
                         const std::string& address) {
  return Json{{"NAME", pod},
              {"NAMESPACE", ns},
              {"LABELS", labels},
              {"SERVICE_ACCOUNT", service_account},
              {"WORKLOAD_NAME", workload},
              {"INSTANCE_IPS", address},
              {"CLUSTER_ID", "Kubernetes"},
              {"INTERCEPTION_MODE", "NONE"}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string PodObjects(const PodPlan& pod, const PodAddresses& addresses,
                       const std::vector<int>& outbound_ports, bool ready) {
  Json ingress = Json::array();
  for (const PodPort& port : pod.ports) {
    ingress.push_back({{"port",
                        {{"number", port.number},
                         {"protocol", "HTTP"},
                         {"name", PortName(port.number, pod.ports.size())}}},
                       {"bind", addresses.own},
                       {"captureMode", "NONE"},
                       {"defaultEndpoint", absl::StrCat("127.0.0.1:", addresses.app_port)}});
  }
  Json egress = Json::array();
  for (int number : outbound_ports) {
    egress.push_back({{"port",
                       {{"number", number},
                        {"protocol", "HTTP"},
                        {"name", PortName(number, outbound_ports.size())}}},
                      {"bind", addresses.outbound},
                      {"captureMode", "NONE"},
                      {"hosts", {"*/*"}}});
  }
  const Json sidecar = {{"apiVersion", "networking.istio.io/v1alpha3"},
                        {"kind", "Sidecar"},
                        {"metadata", {{"name", pod.name}, {"namespace", pod.ns}}},
                        {"spec",
                         {{"workloadSelector", {{"labels", {{kPodLabel, pod.name}}}}},
                          {"ingress", ingress},
                          {"egress", egress}}}};
  return List({PodJson(pod.name, pod.ns, LabelsJson(pod.labels), pod.service_account, pod.container,
                       pod.ports, addresses.own, ready),
               sidecar});
}

std::string GatewayObjects(const std::string& own_address, int port, bool ready) {
  const Json service = {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata",
       {{"name", kGatewayName}, {"namespace", kGatewayNamespace}, {"labels", GatewayLabels()}}},
      {"spec",
       {{"selector", {{"istio", "ingressgateway"}}},
        {"ports", Json::array({{{"name", "http"}, {"port", 80}, {"targetPort", port}}})}}}};
  return List(
      {service, PodJson(kGatewayPod, kGatewayNamespace, GatewayLabels(), kGatewayServiceAccount,
                        kGatewayName, {{port, "http"}}, own_address, ready)});
}

std::string PeerAuthenticationObjects(MutualTls mutual_tls) {
  const char* const mode = mutual_tls == MutualTls::kStrict ? "STRICT" : "DISABLE";
  return List({{{"apiVersion", "security.istio.io/v1beta1"},
                {"kind", "PeerAuthentication"},
                {"metadata", {{"name", "default"}, {"namespace", kGatewayNamespace}}},
                {"spec", {{"mtls", {{"mode", mode}}}}}}});
}

std::string MeshConfigText(MutualTls mutual_tls) {
  const std::string common = absl::StrCat(
      "accessLogFile: /dev/stdout\n"
      "rootNamespace: istio-system\n"
      "trustDomain: ",
      kTrustDomain, "\n");
  if (mutual_tls == MutualTls::kDisabled) {
    return absl::StrCat(
        "# This local mesh has no certificates: plaintext between its proxies, on loopback alone.\n"
        "enableAutoMtls: false\n",
        common);
  }
  return absl::StrCat(
      "enableAutoMtls: true\n", common,
      "# The usual fields, who asked, and why it was refused.\n"
      "accessLogFormat: >\n"
      "  [%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\"\n"
      "  %RESPONSE_CODE% %RESPONSE_FLAGS% \"%DYNAMIC_METADATA(istio.mixer:status)%\"\n"
      "  \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\"\n"
      "  %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%\n"
      "  \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\"\n"
      "  \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER%\n"
      "  %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS%\n"
      "  %REQUESTED_SERVER_NAME% %ROUTE_NAME% \"%DOWNSTREAM_PEER_URI_SAN%\"\n"
      "  %RESPONSE_CODE_DETAILS%\n");
}

void MarkMutualTls(PodPlan* pod) { pod->labels["security.istio.io/tlsMode"] = "istio"; }

std::string SidecarNodeId(const PodPlan& pod, const std::string& own_address) {
  return NodeId("sidecar", own_address, pod.name, pod.ns);
}

std::string SidecarNodeMetadata(const PodPlan& pod, const std::string& own_address) {
  return NodeMetadata(pod.name, pod.ns, LabelsJson(pod.labels), pod.deployment, pod.service_account,
                      own_address);
}

std::string GatewayNodeId(const std::string& own_address) {
  return NodeId("router", own_address, kGatewayPod, kGatewayNamespace);
}

std::string GatewayNodeMetadata(const std::string& own_address) {
  return NodeMetadata(kGatewayPod, kGatewayNamespace, GatewayLabels(), kGatewayName,
                      kGatewayServiceAccount, own_address);
}

}  // namespace mesh::local
