#include "mesh/config/validate.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"

namespace mesh::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "field: message" of every error of an object of which only the spec is given.
std::vector<std::string> Problems(const std::string& kind, const std::string& spec,
                                  const ValidateOptions& options = {}) {
  std::string group = "networking.istio.io/v1beta1";
  if (kind.find("Auth") != std::string::npos) group = "security.istio.io/v1beta1";
  if (kind == "Telemetry") group = "telemetry.istio.io/v1alpha1";
  const ReadResult read = ReadYaml(
      "x.yaml", absl::StrCat("apiVersion: ", group, "\nkind: ", kind,
                             "\nmetadata: {name: a, namespace: shop}\n", "spec: ", spec, "\n"));
  std::vector<std::string> texts;
  for (const FieldError& error : read.errors) texts.push_back("unread " + error.ToString());
  for (const ResourcePtr& resource : read.resources) {
    for (const FieldError& error : ValidateResource(*resource, options)) {
      texts.push_back(absl::StrCat(error.field, ": ", error.message));
    }
  }
  return texts;
}

struct Row {
  const char* name;
  const char* kind;
  std::string spec;
  std::vector<std::string> problems;
};

std::string Rule(const std::string& rest) {
  return "{hosts: [a.b], http: [{route: [{destination: {host: a.b}}], " + rest + "}]}";
}

TEST(ValidateResource, SaysWhatIsWrongAndWhatToWrite) {
  const std::string route = "http: [{route: [{destination: {host: a}}]}]";
  const Row rows[] = {
      {"no hosts",
       "VirtualService",
       "{" + route + "}",
       {"spec: hosts is missing: name at least one"}},
      {"no rules", "VirtualService", "{hosts: [a]}", {"spec: has no rules; give http, tls or tcp"}},
      {"all hosts of the mesh",
       "VirtualService",
       "{hosts: ['*'], " + route + "}",
       {"spec.hosts[0]: * would take over every service of the mesh; name the hosts, or name "
        "gateways other than mesh"}},
      {"all hosts of a gateway",
       "VirtualService",
       "{hosts: ['*'], gateways: [gw], " + route + "}",
       {}},
      {"hosts that overlap",
       "VirtualService",
       "{hosts: ['*.com', a.com], " + route + "}",
       {"spec.hosts[1]: \"a.com\" overlaps with \"*.com\" of the same list; keep one"}},
      {"a host that is none",
       "VirtualService",
       "{hosts: [a_b.com], " + route + "}",
       {"spec.hosts[0]: \"a_b.com\" is not a domain name: \"a_b\" may have letters, digits, - "
        "inside and one * in front, at most 63 characters"}},
      {"weights that do not add up",
       "VirtualService",
       "{hosts: [a], http: [{route: [{destination: {host: a}, weight: 50}, {destination: {host: "
       "b}, weight: 40}]}]}",
       {"spec.http[0].route: the weights add up to 90, not to 100"}},
      {"a rule that does nothing",
       "VirtualService",
       "{hosts: [a], http: [{match: [{uri: {prefix: /}}]}]}",
       {"spec.http[0]: does nothing; give route, redirect or directResponse"}},
      {"route and redirect",
       "VirtualService",
       Rule("redirect: {uri: /}"),
       {"spec.http[0].route: a rule with redirect has no route"}},
      {"an answer of its own",
       "VirtualService",
       "{hosts: [a], http: [{directResponse: {status: 503}}]}",
       {}},
      {"no destination",
       "VirtualService",
       "{hosts: [a], http: [{route: [{weight: 100}]}]}",
       {"spec.http[0].route[0]: destination is missing"}},
      {"a subset that cannot be a name",
       "VirtualService",
       "{hosts: [a], http: [{route: [{destination: {host: a, subset: v_1}}]}]}",
       {"spec.http[0].route[0].destination.subset: \"v_1\" is not a name for a subset: letters, "
        "digits and - inside, at most 63 characters"}},
      {"a port that is none",
       "VirtualService",
       "{hosts: [a], http: [{route: [{destination: {host: a, port: {number: 65536}}}]}]}",
       {"spec.http[0].route[0].destination.port.number: port 65536 is not 1 to 65535"}},
      {"a regex that is none",
       "VirtualService",
       Rule("match: [{uri: {regex: '[A-Z'}}]"),
       {"spec.http[0].match[0].uri.regex: \"[A-Z\" is not a regular expression of RE2: missing ]: "
        "[A-Z"}},
      {"a header without a name",
       "VirtualService",
       Rule("headers: {request: {set: {'': x}}}"),
       {"spec.http[0].headers.request.set: the name of a header is empty"}},
      {"a timeout that is too fine",
       "VirtualService",
       Rule("timeout: 1500us"),
       {"spec.http[0].timeout: a duration is in whole milliseconds here"}},
      {"a timeout that is too short",
       "VirtualService",
       Rule("timeout: 10us"),
       {"spec.http[0].timeout: a duration is at least 1ms here"}},
      {"retries that are off",
       "VirtualService",
       Rule("retries: {retryOn: 5xx}"),
       {"spec.http[0].retries: attempts is 0, so nothing is retried; set it or leave the rest "
        "out"}},
      {"a condition of retries that there is not",
       "VirtualService",
       Rule("retries: {attempts: 2, retryOn: '5xx,sometimes'}"),
       {"spec.http[0].retries.retryOn: \"sometimes\" is neither a condition such as 5xx, "
        "connect-failure or unavailable nor a status"}},
      {"a fault without anything",
       "VirtualService",
       Rule("fault: {}"),
       {"spec.http[0].fault: is empty; give delay, abort or both"}},
      {"too large a share of faults",
       "VirtualService",
       Rule("fault: {delay: {fixedDelay: 1s, percentage: {value: 101}}}"),
       {"spec.http[0].fault.delay.percentage: 101 is not a percentage: 0, or 0.0001 to 100"}},
      {"a method of CORS that there is not",
       "VirtualService",
       Rule("corsPolicy: {allowMethods: [GETT]}"),
       {"spec.http[0].corsPolicy.allowMethods[0]: \"GETT\" is no method of HTTP"}},
      {"a delegate in the mesh",
       "VirtualService",
       Rule("delegate: {name: b}"),
       {"spec.http[0].delegate: works at gateways only; name one in spec.gateways"}},
      {"TLS without a name of a host",
       "VirtualService",
       "{hosts: [a], tls: [{match: [{port: 443}], route: [{destination: {host: a}}]}]}",
       {"spec.tls[0].match[0]: sniHosts is missing"}},
      {"TLS for a host of another object",
       "VirtualService",
       "{hosts: [a.b, c.d], tls: [{match: [{sniHosts: [x.y]}], route: [{destination: {host: "
       "a}}]}]}",
       {"spec.tls[0].match[0].sniHosts[0]: \"x.y\" is none of the hosts of this object: a.b, "
        "c.d"}},
      {"exported to this namespace twice",
       "VirtualService",
       "{hosts: [a], exportTo: [., shop], " + route + "}",
       {"spec.exportTo[1]: namespace \"shop\" is there twice"}},

      {"a policy without anything",
       "DestinationRule",
       "{host: a, trafficPolicy: {}}",
       {"spec.trafficPolicy: is empty; give loadBalancer, connectionPool, outlierDetection, tls or "
        "portLevelSettings, or leave it out"}},
      {"mutual TLS without a certificate",
       "DestinationRule",
       "{host: a, trafficPolicy: {tls: {mode: MUTUAL}}}",
       {"spec.trafficPolicy.tls: MUTUAL needs clientCertificate",
        "spec.trafficPolicy.tls: MUTUAL needs privateKey"}},
      {"a cookie without a ttl",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: u}}}}}",
       {"spec.trafficPolicy.loadBalancer.consistentHash.httpCookie: the cookie needs a ttl; 0s "
        "lets it end with the browser's session"}},
      {"localities that overlap",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: "
       "{x: 100}}, {from: a/b, to: {x: 100}}]}}}}",
       {"spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[1].from: \"a/b\" overlaps "
        "with another locality of this list"}},
      {"a subset without a name",
       "DestinationRule",
       "{host: a, subsets: [{labels: {version: 'not good'}}]}",
       {"spec.subsets[0].name: the subset needs a name",
        "spec.subsets[0].labels.version: \"not good\" is not a value of a label: letters, digits "
        "and -_. inside"}},

      {"no servers", "Gateway", "{}", {"spec: servers is missing: a gateway has one"}},
      {"a short name",
       "Gateway",
       "{servers: [{hosts: [web], port: {number: 80, name: http, protocol: HTTP}}]}",
       {"spec.servers[0].hosts[0]: \"web\" is a short name; write the whole one, such as "
        "web.NAMESPACE.svc.cluster.local"}},
      {"HTTPS without tls",
       "Gateway",
       "{servers: [{hosts: ['*'], port: {number: 443, name: https, protocol: HTTPS}}]}",
       {"spec.servers[0]: tls is missing: the protocol is HTTPS"}},
      {"tls without a certificate",
       "Gateway",
       "{servers: [{hosts: ['*'], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: "
       "SIMPLE, serverCertificate: c.pem}}]}",
       {"spec.servers[0].tls: SIMPLE needs privateKey, or a credentialName"}},
      {"two ports of one name",
       "Gateway",
       "{servers: [{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}, {hosts: ['*'], "
       "port: {number: 81, name: http, protocol: HTTPX}}]}",
       {"spec.servers[1].port.protocol: \"HTTPX\" is no protocol; there is HTTP, HTTP2, GRPC, "
        "GRPC-WEB, HTTPS, TLS, TCP, UDP, MONGO, REDIS, MYSQL",
        "spec.servers[1].port.name: \"http\" is the name of another port of this gateway"}},

      {"endpoints for NONE",
       "ServiceEntry",
       "{hosts: [a.b], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: "
       "1.2.3.4}]}",
       {"spec.endpoints: resolution NONE goes where the client dialled; use STATIC or DNS"}},
      {"a name to resolve that has a wildcard",
       "ServiceEntry",
       "{hosts: ['*.b'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
       {"spec.hosts[0]: cannot be resolved: \"*.b\" is not a domain name: \"*\" may have letters, "
        "digits and - inside, at most 63 characters; give endpoints, or a host without *"}},
      {"a port of an endpoint that the service has not",
       "ServiceEntry",
       "{hosts: [a.b], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
       "endpoints: [{address: 1.2.3.4, ports: {web: 8080}}]}",
       {"spec.endpoints[0].ports.web: the service has no port named \"web\""}},

      {"no egress",
       "Sidecar",
       "{}",
       {"spec: egress is missing: say at least hosts, such as ./* or */*"}},
      {"a host without its namespace",
       "Sidecar",
       "{egress: [{hosts: ['a.b']}]}",
       {"spec.egress[0].hosts[0]: \"a.b\" is not NAMESPACE/HOST, such as ./* or */a.b"}},
      {"an endpoint elsewhere",
       "Sidecar",
       "{egress: [{hosts: ['./*']}], ingress: [{port: {number: 80, protocol: HTTP}, "
       "defaultEndpoint: '10.0.0.1:80'}]}",
       {"spec.ingress[0].defaultEndpoint: \"10.0.0.1:80\" is not 127.0.0.1:PORT or unix:///PATH"}},

      {"a patch of nothing",
       "EnvoyFilter",
       "{configPatches: [{patch: {operation: ADD}}, {applyTo: CLUSTER, patch: {operation: ADD}}]}",
       {"spec.configPatches[0]: applyTo is missing",
        "spec.configPatches[1].patch: value is missing; only REMOVE needs none"}},
      {"a value without its type",
       "EnvoyFilter",
       "{configPatches: [{applyTo: HTTP_FILTER, patch: {operation: INSERT_FIRST, value: {name: y, "
       "typed_config: {a: 1}}}}]}",
       {"spec.configPatches[0].patch.value.name: a name of Envoy is a string; put it in quotes",
        "spec.configPatches[0].patch.value.typed_config: \"@type\" is missing: which message of "
        "Envoy this is"}},

      {"ports of a whole namespace",
       "PeerAuthentication",
       "{portLevelMtls: {80: {mode: STRICT}}}",
       {"spec.portLevelMtls: needs a selector: a policy of a whole namespace knows no ports of a "
        "workload"}},
      {"no ports",
       "PeerAuthentication",
       "{selector: {matchLabels: {app: a}}, portLevelMtls: {}}",
       {"spec.portLevelMtls: is empty; name a port or leave it out"}},
      {"a wildcard in a selector",
       "PeerAuthentication",
       "{selector: {matchLabels: {app: 'a*'}}}",
       {"spec.selector.matchLabels.app: \"app=a*\": a selector takes no wildcards"}},
      {"keys from nowhere",
       "RequestAuthentication",
       "{jwtRules: [{jwksUri: 'file:///keys'}]}",
       {"spec.jwtRules[0]: issuer is missing",
        "spec.jwtRules[0].jwksUri: \"file:///keys\" is not a URL such as https://HOST/PATH"}},
      {"rules that say nothing",
       "AuthorizationPolicy",
       "{rules: [{from: [], to: [{operation: {}}], when: [{key: request.header, values: [a]}]}]}",
       {"spec.rules[0].from: is empty; name a source, or leave it out for any",
        "spec.rules[0].to[0].operation: is empty; say something of the operation, or leave to out "
        "for any",
        "spec.rules[0].when[0].key: \"request.header\" is no attribute; there is "
        "request.headers[], source.ip, remote.ip, source.namespace, source.principal, "
        "request.auth.principal, request.auth.audiences, request.auth.presenter, "
        "request.auth.claims[], destination.ip, destination.port, connection.sni, "
        "experimental.envoy.filters.*[]"}},
      {"deny without rules",
       "AuthorizationPolicy",
       "{action: DENY}",
       {"spec: DENY without rules denies nothing; to deny everything write rules: [{}]"}},
      {"addresses and ports that are none",
       "AuthorizationPolicy",
       "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/33, '']}}], to: [{operation: {ports: "
       "[http]}}]}]}",
       {"spec.rules[0].from[0].source.ipBlocks[0]: \"10.0.0.0/33\" is not a subnet such as "
        "10.0.0.0/8",
        "spec.rules[0].from[0].source.ipBlocks[1]: is empty; to match anything write *",
        "spec.rules[0].to[0].operation.ports[0]: \"http\" is not a port, 0 to 65535"}},
      {"nobody to ask",
       "AuthorizationPolicy",
       "{action: CUSTOM, rules: [{}]}",
       {"spec: provider.name is missing: who decides when the action is CUSTOM"}},
      {"too many samples",
       "Telemetry",
       "{tracing: [{randomSamplingPercentage: 150}]}",
       {"spec.tracing[0].randomSamplingPercentage: 150 is not a percentage, 0 to 100"}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Problems(row.kind, row.spec), row.problems) << row.kind << ": " << row.name;
  }
}

TEST(ValidateResource, DelegatesAreAnOption) {
  ValidateOptions on;
  on.delegates = true;
  const std::string root =
      "{hosts: [a.b], gateways: [gw], http: [{match: [{uri: {prefix: /a}}], delegate: {name: b}}]}";
  EXPECT_THAT(Problems("VirtualService", root, on), IsEmpty());
  EXPECT_THAT(Problems("VirtualService", root),
              ElementsAre("spec.http[0]: does nothing; give route, redirect or directResponse"));
  const std::string delegate = "{http: [{route: [{destination: {host: a}}]}]}";
  EXPECT_THAT(Problems("VirtualService", delegate, on), IsEmpty());
  EXPECT_THAT(Problems("VirtualService", delegate),
              ElementsAre("spec: hosts is missing: name at least one"));
  EXPECT_THAT(Problems("VirtualService",
                       "{hosts: [a.b], gateways: [gw], http: [{match: [{uri: {regex: a}}], "
                       "delegate: {name: b}}]}",
                       on),
              ElementsAre("spec.http[0].match[0].uri: a rule that delegates, or is delegated to, "
                          "cannot match by regex: two of them cannot be merged"));
}

TEST(ValidateResource, ChecksNames) {
  const istio::networking::v1alpha3::Gateway empty;
  Metadata metadata;
  metadata.name = "Upper";
  metadata.ns = "a.b";
  std::vector<std::string> texts;
  for (const FieldError& error :
       ValidateResource(*MakeResource(Kind::kServiceAccount, metadata, empty))) {
    texts.push_back(error.ToString());
  }
  EXPECT_THAT(texts,
              ElementsAre("ServiceAccount a.b/Upper metadata.name: \"Upper\" is not a name: small "
                          "letters, digits, - and . inside, at most 253 characters",
                          "ServiceAccount a.b/Upper metadata.namespace: \"a.b\" is not a "
                          "namespace: small letters, digits and - inside, at most 63 characters"));
}

TEST(ValidateResource, ChecksLabelsAndAnnotationsOfObjects) {
  const istio::networking::v1alpha3::Gateway empty;
  Metadata metadata;
  metadata.name = std::string(100, 'a') + ".b";  // of its parts none is too long
  metadata.ns = "shop";
  metadata.labels = {{"app.kubernetes.io/name", "cart"}, {"empty", ""}};
  metadata.annotations = {{"example.com/note", "whatever it is: 100 %"}};
  EXPECT_THAT(ValidateResource(*MakeResource(Kind::kServiceAccount, metadata, empty)), IsEmpty());

  metadata.name = "a";
  metadata.labels = {{"a b", "c"}, {"long", std::string(64, 'a')}, {"owner", "the team of carts"}};
  metadata.annotations = {{"a note", ""}};
  std::vector<std::string> texts;
  for (const FieldError& error :
       ValidateResource(*MakeResource(Kind::kServiceAccount, metadata, empty))) {
    texts.push_back(error.ToString());
  }
  EXPECT_THAT(
      texts,
      ElementsAre(
          "ServiceAccount shop/a metadata.labels[\"a b\"]: \"a b\" is not a key of a label: "
          "letters, "
          "digits and -_. inside, at most 63 characters, perhaps after a domain name and /",
          "ServiceAccount shop/a metadata.labels.long: the value of a label has at most 63 "
          "characters, this one has 64; keep it in an annotation",
          "ServiceAccount shop/a metadata.labels.owner: \"the team of carts\" is not a value of a "
          "label: letters, digits and -_. inside",
          "ServiceAccount shop/a metadata.annotations[\"a note\"]: \"a note\" is not a key of an "
          "annotation: letters, digits and -_. inside, at most 63 characters, perhaps after a "
          "domain name and /"));
}

TEST(ValidateResource, ChecksWhatWeReadOfKubernetes) {
  struct KubeRow {
    const char* name;
    const char* object;
    std::vector<std::string> problems;
  };
  const KubeRow rows[] = {
      {"ports without names",
       "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}, {port: "
       "81}]}}",
       {"spec.ports[0]: the port needs a name, as there are several",
        "spec.ports[1]: the port needs a name, as there are several"}},
      {"ports that are none",
       "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: here, ports: "
       "[{port: 0, protocol: HTTP, targetPort: 70000}]}}",
       {"spec.ports[0].port: port 0 is not 1 to 65535",
        "spec.ports[0].protocol: \"HTTP\" is not TCP, UDP or SCTP",
        "spec.ports[0].targetPort: port 70000 is not 1 to 65535",
        "spec.clusterIP: \"here\" is neither an IP address nor None"}},
      {"a headless service",
       "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, ports: "
       "[{port: 80}]}}",
       {}},
      {"pods that the deployment does not select",
       "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: -1, "
       "selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: b}}}}}",
       {"spec.replicas: is below 0",
        "spec.selector.matchLabels.app: the pods of the template have no label app=a"}},
      {"an address of a pod that is none",
       "{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {podIP: localhost}}",
       {"status.podIP: \"localhost\" is not an IP address"}},
      {"an address of an endpoint that is none",
       "{apiVersion: v1, kind: Endpoints, metadata: {name: a}, subsets: [{addresses: [{ip: x}], "
       "ports: [{port: -1}]}]}",
       {"subsets[0].addresses[0].ip: \"x\" is not an IP address",
        "subsets[0].ports[0].port: port -1 is not 1 to 65535"}},
      {"a secret that is not encoded, of which nothing is repeated",
       "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: kubernetes.io/tls, data: "
       "{tls.key: hunter2!}}",
       {"data[\"tls.key\"]: is not base64: encode it (base64 -w0), or write it under stringData",
        "type: a Secret of type kubernetes.io/tls has tls.crt"}},
      {"a secret as text",
       "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque, data: {cert: aGVsbG8=}, "
       "stringData: {key: hunter2}}",
       {}},
  };
  for (const KubeRow& row : rows) {
    const ReadResult read = ReadYaml("x.yaml", row.object);
    ASSERT_EQ(read.resources.size(), 1) << row.name;
    std::vector<std::string> texts;
    for (const FieldError& error : ValidateResource(*read.resources[0])) {
      texts.push_back(absl::StrCat(error.field, ": ", error.message));
    }
    EXPECT_EQ(texts, row.problems) << row.name;
  }
}

TEST(ValidateResource, ChecksTheMeshsSettings) {
  const ReadResult read = ReadMeshConfig("mesh.yaml", R"(
proxyListenPort: 0
connectTimeout: 31s
rootNamespace: ""
defaultConfig:
  configPath: ""
  discoveryAddress: istiod
  drainDuration: 60s
  tracing: {lightstep: {address: "a:1"}}
)");
  ASSERT_EQ(read.resources.size(), 1);
  std::vector<std::string> texts;
  for (const FieldError& error : ValidateResource(*read.resources[0])) {
    texts.push_back(error.ToString());
  }
  EXPECT_THAT(
      texts,
      ElementsAre(
          "mesh.yaml:2:1: MeshConfig mesh proxyListenPort: port 0 is not 1 to 65535",
          "mesh.yaml:3:1: MeshConfig mesh connectTimeout: is at most 30s",
          "mesh.yaml:6:3: MeshConfig mesh defaultConfig.configPath: is missing",
          "mesh.yaml:5:1: MeshConfig mesh defaultConfig.parentShutdownDuration: is longer than "
          "drainDuration: the old process goes after it drained",
          "mesh.yaml:7:3: MeshConfig mesh defaultConfig.discoveryAddress: \"istiod\" is not "
          "HOST:PORT: the port is missing",
          "mesh.yaml:9:13: MeshConfig mesh defaultConfig.tracing.lightstep: accessToken is missing",
          "mesh.yaml:4:1: MeshConfig mesh rootNamespace: \"\" is not a namespace"));
  const ReadResult defaults = ReadMeshConfig("mesh.yaml", "");
  EXPECT_THAT(ValidateResource(*defaults.resources[0]), IsEmpty());
}

// What Istio's own samples and goldens are made from must be good.
TEST(ValidateResource, FindsNothingInIstiosFiles) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder";
  ValidateOptions options;
  options.delegates = true;
  int objects = 0;
  for (const char* folder :
       {"/data/bookinfo", "/conformance/xds_golden", "/conformance/local_none"}) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(shared) + folder)) {
      if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path& path : paths) {
      std::ifstream in(path, std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), {});
      const ReadResult read = path.filename() == "mesh.yaml" ? ReadMeshConfig(path.string(), bytes)
                                                             : ReadYaml(path.string(), bytes);
      for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
      for (const ResourcePtr& resource : read.resources) {
        ++objects;
        for (const FieldError& error : ValidateResource(*resource, options)) {
          ADD_FAILURE() << error.ToString();
        }
      }
    }
  }
  EXPECT_GT(objects, 150);
  std::cout << objects << " objects\n";
}

}  // namespace
}  // namespace mesh::config
