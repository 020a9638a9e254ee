// Findings with Istio's codes, on what its newer versions judge in their own way: each row is one
// difference that asking Istio's analyzers has shown (tests/analysis/against_istio).
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"

namespace mesh::analysis {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Case {
  const char* name;
  std::string code;
  std::string yaml;
  std::vector<std::string> wanted;  // "name field" of each finding of the code
};

std::vector<std::string> Find(const std::string& code, const std::string& yaml) {
  const Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
  std::vector<std::string> found;
  for (const Finding& f : Analyze(*input.snapshot, input.options)) {
    if (f.code == code) found.push_back(absl::StrCat(f.name, " ", f.field));
  }
  return found;
}

void Expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(Find(c.code, c.yaml), ElementsAreArray(c.wanted)) << c.name;
  }
}

std::string Istio(const std::string& kind, const std::string& name, const std::string& spec,
                  const std::string& more = "") {
  const char* group = kind == "Telemetry"     ? "telemetry.istio.io/v1"
                      : kind == "ProxyConfig" ? "networking.istio.io/v1beta1"
                      : kind == "RequestAuthentication" || kind == "PeerAuthentication" ||
                              kind == "AuthorizationPolicy"
                          ? "security.istio.io/v1"
                          : "networking.istio.io/v1alpha3";
  return absl::StrCat("---\napiVersion: ", group, "\nkind: ", kind, "\nmetadata: {name: ", name,
                      more, "}\nspec: ", spec, "\n");
}
std::string Kube(const std::string& kind, const std::string& metadata, const std::string& spec) {
  return absl::StrCat("---\napiVersion: v1\nkind: ", kind, "\nmetadata: {", metadata,
                      "}\nspec: ", spec, "\n");
}
std::string Annotated(const std::string& kind, const std::string& annotations,
                      const std::string& more = "") {
  return Kube(kind, absl::StrCat("name: x, annotations: {", annotations, "}", more),
              kind == "Service" ? "{ports: [{port: 80, name: http}]}"
                                : "{containers: [{name: app, image: a}]}");
}

TEST(IstioCodes, Annotations) {
  std::vector<Case> cases = {
      {"known since later versions",
       "IST0108",
       Annotated("Pod", "sidecar.istio.io/nativeSidecar: \"true\", istio.io/rev: canary"),
       {}},
      {"on one of several kinds",
       "IST0107",
       Annotated("Service", "networking.istio.io/traffic-distribution: PreferClose"),
       {}},
      {"on none of several kinds",
       "IST0107",
       Annotated("Pod", "networking.istio.io/traffic-distribution: PreferClose"),
       {R"(x metadata.annotations["networking.istio.io/traffic-distribution"])"}},
      {"injection by annotation is the old way",
       "IST0135",
       Annotated("Pod", "sidecar.istio.io/inject: \"true\""),
       {R"(x metadata.annotations["sidecar.istio.io/inject"])"}},
      {"whoever has the label too knows",
       "IST0135",
       Annotated("Pod", "sidecar.istio.io/inject: \"true\"",
                 ", labels: {sidecar.istio.io/inject: \"true\"}"),
       {}},
      {"a value does not matter where it has no effect",
       "IST0125",
       Annotated("Service", "status.sidecar.istio.io/port: x"),
       {}},
  };
  struct Value {
    const char* annotation;
    std::vector<const char*> good, bad;
  };
  const Value kValues[] = {
      {"sidecar.istio.io/interceptionMode", {"REDIRECT", "TPROXY", "NONE"}, {"other", ""}},
      {"status.sidecar.istio.io/port", {"0", "15020", " 80 "}, {"-1", "65536", "+1", ""}},
      {"readiness.status.sidecar.istio.io/periodSeconds", {"5"}, {"-5", "4294967296", ""}},
      {"traffic.sidecar.istio.io/includeOutboundIPRanges",
       {"*", "", "10.0.0.0/8,2001:db8::/32"},
       {"10.0.0.1", "10.0.0.0/33", "10.0.0.0/8,*", "10.0.0.0/08"}},
      {"traffic.sidecar.istio.io/excludeOutboundIPRanges", {"", "10.0.0.0/8"}, {"*"}},
      {"traffic.sidecar.istio.io/includeInboundPorts", {"*", "", "80, 443"}, {"http", "80,"}},
      {"traffic.sidecar.istio.io/excludeInboundPorts", {"80"}, {"*", "80,x"}},
      {"prometheus.istio.io/merge-metrics", {"true", "F", "1"}, {"yes", ""}},
      {"sidecar.istio.io/proxyCPU", {"100m", "2", "1e3", "-1", ".5Gi"}, {"", "x", "1QQ", "2.5.1"}},
      {"traffic.sidecar.istio.io/excludeInterfaces", {"", "eth0, br-1"}, {"a b", ",", "0eth"}},
      {"proxy.istio.io/config",
       {"", "concurrency: 2", "# nothing"},
       {"concurrency: x", "nothing: 1"}},
  };
  for (const Value& value : kValues) {
    const auto add = [&](const std::vector<const char*>& texts, bool bad) {
      for (const char* text : texts) {
        Case c;
        c.name = value.annotation;
        c.code = "IST0125";
        c.yaml = Annotated("Pod", absl::StrCat(value.annotation, ": \"", text, "\""));
        if (bad) c.wanted = {absl::StrCat("x metadata.annotations[\"", value.annotation, "\"]")};
        cases.push_back(c);
      }
    };
    add(value.good, false);
    add(value.bad, true);
  }
  Expect(cases);
}

std::string Route(const std::string& name, const std::string& spec, const std::string& more = "") {
  return Istio("VirtualService", name,
               absl::StrCat("{", spec, ", http: [{route: [{destination: {host: a.b}}]}]}"), more);
}

TEST(IstioCodes, VirtualServices) {
  Expect({
      {"a gateway that is not there has none of the hosts",
       "IST0132",
       Route("a", "hosts: [shop.example.com], gateways: [gone]"),
       {"a spec.gateways[0]"}},
      {"one that Istio makes is told of otherwise",
       "IST0132",
       Route("a", "hosts: [shop.example.com], gateways: [x~istio-autogenerated-k8s-gateway~http]"),
       {}},
      {"its name",
       "IST0165",
       Route("a",
             "hosts: [shop.example.com], gateways: [x~istio-autogenerated-k8s-gateway~http, "
             "ns/x-istio-autogenerated-k8s-gateway-http]"),
       {"a spec.gateways[0]", "a spec.gateways[1]"}},
      {"no such name",
       "IST0165",
       Route("a", "hosts: [shop.example.com], gateways: [istio-autogenerated-k8s-gateway, web]"),
       {}},
      {"a claim in brackets, at a gateway",
       "IST0149",
       Istio("Gateway", "web",
             "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, "
             "protocol: HTTP}, hosts: ['*']}]}") +
           Istio("VirtualService", "a",
                 "{hosts: [shop.example.com], gateways: [web], http: [{match: [{headers: "
                 "{'@request.auth.claims[role]': {exact: x}}}], route: [{destination: {host: "
                 "a.b}}]}]}"),
       {R"(a spec.http[0].match[0].headers["@request.auth.claims[role]"])"}},
      {"a header that only begins as a claim",
       "IST0149",
       Istio("Gateway", "web",
             "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, "
             "protocol: HTTP}, hosts: ['*']}]}") +
           Istio("VirtualService", "a",
                 "{hosts: [shop.example.com], gateways: [web], http: [{match: [{headers: "
                 "{'@request.auth.claimsrole': {exact: x}}}], route: [{destination: {host: "
                 "a.b}}]}]}"),
       {}},
  });
}

std::string Patch(const std::string& name, const std::string& applied, const std::string& patch,
                  const std::string& match = "{context: ANY}") {
  return Istio("EnvoyFilter", name,
               absl::StrCat("{configPatches: [{applyTo: ", applied, ", match: ", match,
                            ", patch: ", patch, "}]}"));
}

TEST(IstioCodes, EnvoyFilters) {
  const std::string replace = "{operation: REPLACE, value: {name: a}}";
  const std::string removal = Patch("b", "HTTP_FILTER", "{operation: REMOVE}",
                                    "{listener: {filterChain: {filter: {name: one}}}}");
  Expect({
      {"a virtual host may be replaced", "IST0152", Patch("a", "VIRTUAL_HOST", replace), {}},
      {"a cluster may not",
       "IST0152",
       Patch("a", "CLUSTER", replace),
       {"a spec.configPatches[0].patch.operation"}},
      {"removals are not told apart",
       "IST0155",
       Patch("a", "HTTP_FILTER", "{operation: REMOVE}",
             "{proxy: {proxyVersion: '1.7'}, listener: {filterChain: {filter: {name: two}}}}") +
           removal,
       {"b spec.configPatches[0].patch.operation"}},
      {"whatever it does", "IST0133", removal, {"b "}},
      {"a filter of a listener as a whole",
       "IST0133",
       Patch("a", "LISTENER", "{operation: MERGE, value: {stat_prefix: a}}",
             "{listener: {filterChain: {filter: {name: one}}}}"),
       {"a ", "a spec.configPatches[0].match.listener.filterChain.filter"}},
  });
}

TEST(IstioCodes, SchemaWarnings) {
  const std::string servers =
      "{selector: {istio: ingressgateway}, servers: [{port: {number: N, name: "
      "p, protocol: P}, hosts: ['*'], tls: T}]}";
  const auto gateway = [&](const std::string& number, const std::string& protocol,
                           const std::string& tls) {
    return Istio("Gateway", "g",
                 absl::StrReplaceAll(servers, {{"N,", number + ","},
                                               {" P}", " " + protocol + "}"},
                                               {"tls: T", "tls: " + tls}}));
  };
  const std::string old = "{mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_1";
  const auto policy = [](const std::string& spec) {
    return Istio("DestinationRule", "d", "{host: a.b, trafficPolicy: " + spec + "}");
  };
  const auto entry = [](const std::string& spec) {
    return Istio("ServiceEntry", "e", "{location: MESH_INTERNAL, " + spec + "}");
  };
  const auto sidecar = [](const std::string& spec) { return Istio("Sidecar", "s", spec); };
  Expect({
      {"a redirect without HTTP",
       "IST0133",
       gateway("9000", "TCP", "{httpsRedirect: true}"),
       {"g spec.servers[0].tls.httpsRedirect"}},
      {"a redirect", "IST0133", gateway("80", "HTTP", "{httpsRedirect: true}"), {}},
      {"old TLS without its suites",
       "IST0133",
       gateway("443", "HTTPS", old + "}"),
       {"g spec.servers[0].tls.minProtocolVersion"}},
      {"old TLS with them",
       "IST0133",
       gateway("443", "HTTPS", old + ", cipherSuites: [AES128-SHA]}"),
       {}},
      {"a certificate that is not used",
       "IST0133",
       gateway("443", "TLS", "{mode: PASSTHROUGH, credentialName: c}"),
       {"g spec.servers[0].tls.mode"}},
      {"failover that never fails",
       "IST0133",
       policy("{loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}"),
       {"d spec.trafficPolicy.loadBalancer.localityLbSetting"}},
      {"failover",
       "IST0133",
       policy("{outlierDetection: {interval: 5s}, loadBalancer: {localityLbSetting: {failover: "
              "[{from: a, to: b}]}}}"),
       {}},
      {"an old ring size",
       "IST0133",
       policy("{loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 10}}}"),
       {"d spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize"}},
      {"an abort without status",
       "IST0133",
       Istio("VirtualService", "a",
             "{hosts: [a.b], http: [{fault: {abort: {percentage: {value: 1}}}, route: "
             "[{destination: {host: a.b}}]}]}"),
       {"a spec.http[0].fault.abort"}},
      {"a large body",
       "IST0133",
       Istio("VirtualService", "a",
             absl::StrCat("{hosts: [a.b], http: [{directResponse: {status: 200, body: {string: '",
                          std::string(102401, 'x'), "'}}}]}")),
       {"a spec.http[0].directResponse.body"}},
      {"the old way to name a gateway",
       "IST0133",
       Route("a", "hosts: [a.b], gateways: [web.shop.svc.cluster.local]"),
       {"a spec.gateways[0]"}},
      {"the old way to name a gateway, in a match",
       "IST0133",
       Istio("VirtualService", "a",
             "{hosts: [a.b], tcp: [{match: [{gateways: [web.shop]}], route: [{destination: {host: "
             "a.b}}]}]}"),
       {"a spec.tcp[0].match[0].gateways[0]"}},
      {"a rule for clients without labels",
       "IST0133",
       Istio("DestinationRule", "d", "{host: a.b, workloadSelector: {}}"),
       {"d spec.workloadSelector"}},
      {"a tag without name",
       "IST0133",
       Istio("Telemetry", "t", "{metrics: [{overrides: [{tagOverrides: {'': {value: a}}}]}]}"),
       {"t spec.metrics[0].overrides[0].tagOverrides"}},
      {"a wildcard within a label",
       "IST0133",
       entry("hosts: ['*a.example.com'], ports: [{number: 80, name: http, protocol: HTTP}], "
             "resolution: NONE"),
       {"e spec.hosts[0]"}},
      {"hosts that share an address",
       "IST0133",
       entry("hosts: [a.b, c.d], addresses: [10.0.0.1], ports: [{number: 443, name: tls, protocol: "
             "TLS}], resolution: DNS"),
       {"e spec.hosts"}},
      {"hosts that share an address, with HTTP",
       "IST0133",
       entry("hosts: [a.b, c.d], addresses: [10.0.0.1], ports: [{number: 80, name: http, protocol: "
             "HTTP}], resolution: DNS"),
       {}},
      {"a selector where nothing is selected",
       "IST0133",
       entry("hosts: [a.b], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE, "
             "workloadSelector: {labels: {app: a}}"),
       {"e spec.workloadSelector"}},
      {"hosts twice",
       "IST0133",
       sidecar("{egress: [{hosts: [shop/a.b, shop/a.b, ./*, default/c.d]}]}"),
       {"s spec.egress[0].hosts[1]", "s spec.egress[0].hosts[3]"}},
      {"all hosts and more",
       "IST0133",
       sidecar("{egress: [{hosts: ['*/*', ./*]}]}"),
       {"s spec.egress[0].hosts"}},
      {"a Sidecar for no labels",
       "IST0133",
       sidecar("{workloadSelector: {}, egress: [{hosts: ['*/*']}]}"),
       {"s spec.workloadSelector"}},
      {"a policy for no labels",
       "IST0133",
       Istio("PeerAuthentication", "p", "{selector: {}, mtls: {mode: STRICT}}"),
       {"p spec.selector"}},
      {"a private key for all to read",
       "IST0133",
       Istio("RequestAuthentication", "r",
             "{jwtRules: [{issuer: a, jwks: '{\"keys\": [{\"kty\": \"RSA\", \"e\": \"AQAB\", "
             "\"n\": \"AQAB\", \"d\": \"AQAB\"}]}'}]}"),
       {"r spec.jwtRules[0].jwks"}},
      {"a denial by HTTP alone",
       "IST0133",
       Istio("AuthorizationPolicy", "p",
             "{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}, {from: [{source: "
             "{requestPrincipals: ['*']}}]}]}"),
       {"p spec.rules[0]", "p spec.rules[1]"}},
      {"a denial that says where",
       "IST0133",
       Istio("AuthorizationPolicy", "p",
             "{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ['80']}}]}, {from: "
             "[{source: {namespaces: [a]}}]}, {}]}"),
       {}},
      {"two tracers",
       "IST0133",
       Istio("Telemetry", "t", "{tracing: [{providers: [{name: a}, {name: b}]}]}"),
       {"t spec.tracing[0].providers[1]"}},
  });
}

TEST(IstioCodes, Workloads) {
  const std::string shop =
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: "
      "{istio-injection: enabled}}\n";
  const std::string injector =
      "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio-sidecar-injector, namespace: "
      "istio-system}\ndata: {values: '{\"global\": {\"hub\": \"h\", \"tag\": \"1\", \"proxy\": "
      "{\"image\": \"p\"}}}'}\n";
  const auto pod = [](const std::string& image, const std::string& annotations = "") {
    return Kube(
        "Pod", "name: p, namespace: shop, annotations: {" + annotations + "}",
        "{containers: [{name: app, image: a}], initContainers: [{name: istio-proxy, image: '" +
            image + "'}]}");
  };
  const std::string variant =
      Istio("ProxyConfig", "c", "{image: {imageType: distroless}}", ", namespace: shop");
  const auto control = [](const std::string& label) {
    return Kube("Pod", "name: p, labels: {" + label + "}",
                "{containers: [{name: app, image: a, securityContext: {runAsUser: 1337}}]}");
  };
  const auto rule = [](const std::string& more) {
    return Istio(
        "DestinationRule", "d",
        "{host: a.b, trafficPolicy: {tls: {mode: SIMPLE, credentialName: c}}" + more + "}");
  };
  Expect({
      {"a proxy that runs before the application", "IST0103", shop + pod("x"), {}},
      {"is another than the injector's",
       "IST0158",
       shop + injector + pod("h/p:2"),
       {"shop metadata.name"}},
      {"is of the injector's", "IST0158", shop + injector + pod("h/p:1"), {}},
      {"is the namespace's variant",
       "IST0158",
       shop + injector + variant + pod("h/p:1-distroless"),
       {}},
      {"is a variant that nobody asked for",
       "IST0158",
       shop + injector + pod("h/p:1-distroless"),
       {"shop metadata.name"}},
      {"is the pod's own variant",
       "IST0158",
       shop + injector + pod("h/p:1-debug", "proxy.istio.io/config: '{image: {imageType: debug}}'"),
       {}},
      {"the control plane runs as it must", "IST0144", control("release: istio"), {}},
      {"an operator's label does not make one",
       "IST0144",
       control("operator.istio.io/component: x"),
       {"p spec.containers[0].securityContext.runAsUser"}},
      {"a service of the control plane",
       "IST0118",
       Kube("Service", "name: s, labels: {istio: pilot}", "{ports: [{port: 80, name: web}]}"),
       {}},
      {"a sidecar fetches its authority",
       "IST0128",
       rule(", workloadSelector: {matchLabels: {a: b}}"),
       {}},
      {"a gateway's rule does not say so", "IST0128", rule(""), {"d spec.trafficPolicy.tls"}},
      {"a host that those see whom the rule is for",
       "IST0174",
       Istio("DestinationRule", "d", "{host: s, exportTo: [shop]}") +
           Kube("Service", "name: s, annotations: {networking.istio.io/exportTo: shop}",
                "{ports: [{port: 80, name: http}]}"),
       {}},
      {"a wildcard with nothing in it",
       "IST0174",
       Istio("DestinationRule", "d", "{host: '*.example.com'}"),
       {"d spec.host"}},
      {"a wildcard with something in it",
       "IST0174",
       Istio("DestinationRule", "d", "{host: '*.local'}") +
           Kube("Service", "name: s", "{ports: [{port: 80, name: http}]}"),
       {}},
  });
  const auto hook = [](const std::string& kind, const std::string& name,
                       const std::string& client) {
    return "---\napiVersion: admissionregistration.k8s.io/v1\nkind: " + kind +
           "\nmetadata: {name: " + name +
           "}\nwebhooks: [{name: w.istio.io, clientConfig: " + client + "}]\n";
  };
  const std::string mutating = "MutatingWebhookConfiguration", name = "istio-sidecar-injector-x";
  const std::string url = "webhooks[0].clientConfig.url";
  Expect({
      {"neither service nor URL", "IST0163", hook(mutating, name, "{}"), {name + " " + url}},
      {"not Istio's", "IST0163", hook(mutating, "other", "{}"), {}},
      {"a service",
       "IST0163",
       hook("ValidatingWebhookConfiguration", "istiod-default-validator",
            "{service: {name: istiod, namespace: istio-system}}"),
       {}},
      {"a port that is none",
       "IST0163",
       hook(mutating, name, "{url: 'https://a:port/x'}"),
       {name + " " + url}},
      {"a space in the host",
       "IST0163",
       hook(mutating, name, "{url: 'https://a b/x'}"),
       {name + " " + url}},
      {"a name",
       "IST0163",
       hook(mutating, name, "{url: 'https://istiod.example.com:15017/x'}"),
       {}},
      {"an address of the newer kind",
       "IST0164",
       hook(mutating, name, "{url: 'https://[2001:db8::1]:15017'}"),
       {name + " " + url}},
  });
  const auto service = [](const std::string& ports) {
    return Kube("Service", "name: s", "{selector: {app: a}, ports: " + ports + "}");
  };
  const std::string deployment =
      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: "
      "{metadata: "
      "{labels: {app: a}}, spec: {containers: [{name: istio-proxy, image: x}]}}}\n";
  Expect({
      {"one port under two numbers, by one service",
       "IST0137",
       deployment +
           service("[{port: 80, name: http, targetPort: 8080}, {port: 8080, name: http-b}]"),
       {"d "}},
      {"two protocols by the service's port",
       "IST0116",
       deployment +
           service("[{port: 53, name: tcp, protocol: TCP, targetPort: 1}, {port: 53, name: "
                   "udp, protocol: UDP, targetPort: 2}]"),
       {"d "}},
      {"two protocols of one target alone",
       "IST0116",
       deployment +
           service("[{port: 53, name: tcp, protocol: TCP, targetPort: 1}, {port: 54, name: "
                   "udp, protocol: UDP, targetPort: 1}]"),
       {}},
  });
}

// Of shop.example.com, valid from 2020 to 2120.
constexpr char kCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIBZTCCAQugAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBzaG9wLmV4
YW1wbGUuY29tMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBzaG9wLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEKLYpD9kT5NJ9h3k2O3uPJ5A740pDSvbkLHP55eIwXDDbjT70Tg43P44XaYdK
FZ/pn0Evr3fmSEFD24Byek3gzqM+MDwwGwYDVR0RBBQwEoIQc2hvcC5leGFtcGxl
LmNvbTAdBgNVHQ4EFgQUn8DNF2T3M//1/TqrRdvUtY4t3OMwCgYIKoZIzj0EAwID
SAAwRQIgYY9b7gjoScjaH9ILcL9Oy7tSCsjtYyTQkca+jfGpg3MCIQDdwC9VmGW7
PBt9FF5h1CcKbbLQfP00d0/Gp6ozB5v0qQ==
-----END CERTIFICATE-----
)";

TEST(IstioCodes, CertificatesOfGateways) {
  const auto find = [](const std::string& certificate, absl::Time now) {
    const std::string yaml = absl::StrCat(
        Istio("Gateway", "g",
              "{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, "
              "protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}]}"),
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: c, namespace: istio-system}\n"
        "data: {tls.crt: ",
        absl::Base64Escape(certificate), ", tls.key: a2V5}\n");
    Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
    input.options.now = now;
    std::vector<std::string> found;
    for (const Finding& f : Analyze(*input.snapshot, input.options)) {
      if (f.code == "IST0161") found.push_back(f.message);
    }
    return found;
  };
  const auto year = [](int64_t y) {
    return absl::FromCivil(absl::CivilYear(y), absl::UTCTimeZone());
  };
  EXPECT_THAT(find(kCertificate, year(2050)), IsEmpty());
  EXPECT_THAT(find(kCertificate, absl::InfinitePast()), IsEmpty());
  EXPECT_THAT(find(kCertificate, year(2121)),
              ElementsAre("the secret \"c\" of namespace \"istio-system\" holds a certificate that "
                          "has expired at 2120-01-01 00:00"));
  EXPECT_THAT(find(kCertificate, year(2019)),
              ElementsAre("the secret \"c\" of namespace \"istio-system\" holds a certificate that "
                          "is not valid before 2020-01-01 00:00"));
  std::string damaged = kCertificate;
  damaged.replace(damaged.find("MIIB"), 4, "AAAA");
  EXPECT_THAT(
      find(damaged, year(2050)),
      ElementsAre(HasSubstr("of namespace \"istio-system\" holds no certificate in PEM: ")));
}

}  // namespace
}  // namespace mesh::analysis
