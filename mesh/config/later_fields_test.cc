// Fields that came after Istio 1.7: the verdicts of the versions that have them, in full words.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"

namespace mesh::config {
namespace {

// "field: message" of every error of an object of which only the spec is given.
std::vector<std::string> Problems(const std::string& kind, const std::string& spec) {
  std::string group = "networking.istio.io/v1beta1";
  if (kind.find("Auth") != std::string::npos) group = "security.istio.io/v1beta1";
  if (kind == "Telemetry") group = "telemetry.istio.io/v1alpha1";
  const ReadResult read = ReadYaml(
      "x.yaml", absl::StrCat("apiVersion: ", group, "\nkind: ", kind,
                             "\nmetadata: {name: a, namespace: shop}\n", "spec: ", spec, "\n"));
  std::vector<std::string> texts;
  for (const FieldError& error : read.errors) texts.push_back("unread " + error.ToString());
  for (const ResourcePtr& resource : read.resources) {
    for (const FieldError& error : ValidateResource(*resource)) {
      texts.push_back(absl::StrCat(error.field, ": ", error.message));
    }
  }
  return texts;
}

TEST(LaterFields, SayWhatIsWrongAndWhatToWrite) {
  struct Row {
    const char* name;
    const char* kind;
    const char* spec;
    std::vector<std::string> problems;
  };
  const Row kRows[] = {
      {"outliers of one's own that nobody tells apart",
       "DestinationRule",
       "{host: a, trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 3}}}",
       {"spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures: counts nothing "
        "without splitExternalLocalOriginErrors: true"}},
      {"a table of Maglev's",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: "
       "{tableSize: 100}}}}}",
       {"spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: 100 is not a prime "
        "number below 5000011, such as 65537"}},
      {"a table of Maglev's that can be",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: "
       "{tableSize: 65537}}}}}",
       {}},
      {"a ring in two forms",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, "
       "minimumRingSize: 1, ringHash: {minimumRingSize: 2}}}}}",
       {"spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize: is the old form of "
        "ringHash.minimumRingSize; give one of them, or maglev"}},
      {"attributes of a cookie",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s, "
       "attributes: [{name: ''}, {name: a}, {name: a}]}}}}}",
       {"spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[0]: the attribute "
        "needs a name",
        "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[2]: \"a\" is there "
        "twice"}},
      {"a warm-up",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {warmup: {minimumPercent: 101, aggression: 0}}}}",
       {"spec.trafficPolicy.loadBalancer.warmup: duration is missing",
        "spec.trafficPolicy.loadBalancer.warmup.minimumPercent: 101 is not a percentage, 0 to 100",
        "spec.trafficPolicy.loadBalancer.warmup.aggression: is not above 0"}},
      {"a warm-up that takes no time",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {warmup: {duration: 0s}}}}",
       {"spec.trafficPolicy.loadBalancer.warmup.duration: a duration is at least 1ms here"}},
      {"two ways to look at places",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true}, "
       "zoneAwareLbSetting: {failover: [{from: a, to: a}, {from: '*', to: b}], failoverPriority: "
       "[topology.kubernetes.io/zone]}}}}",
       {"spec.trafficPolicy.loadBalancer: has localityLbSetting and zoneAwareLbSetting; give one "
        "of them",
        "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting.failoverPriority[0]: regions and zones "
        "are seen to anyway; name other labels",
        "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting.failover[0]: region \"a\" cannot take "
        "over from itself",
        "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting.failover[1]: \"*\" is not a region by "
        "its name"}},
      {"a region said twice",
       "DestinationRule",
       "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], "
       "failoverPriority: [topology.kubernetes.io/region]}}}}",
       {"spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority: failover says which "
        "region takes over, and so does topology.kubernetes.io/region"}},
      {"limits of connections",
       "DestinationRule",
       "{host: a, trafficPolicy: {connectionPool: {tcp: {maxConnectionDuration: 0s, idleTimeout: "
       "-1s}, http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE, http2KeepAlive: {timeout: "
       "0s}}}}}",
       {"spec.trafficPolicy.connectionPool.http.useClientProtocol: goes with no h2UpgradePolicy "
        "UPGRADE: the protocol is the client's",
        "spec.trafficPolicy.connectionPool.http.http2KeepAlive.interval: is missing",
        "spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout: a duration is at least 1ms "
        "here",
        "spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration: a duration is at least 1ms "
        "here",
        "spec.trafficPolicy.connectionPool.tcp.idleTimeout: a duration is at least 1ms here"}},
      {"connections that are never idle",
       "DestinationRule",
       "{host: a, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 0s}}}}",
       {}},
      {"verified by nothing and by something",
       "DestinationRule",
       "{host: a, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: "
       "[a]}}}",
       {"spec.trafficPolicy.tls.insecureSkipVerify: the server is not verified, and what to verify "
        "it by is given; leave one out"}},
      {"a revocation list beside a credential",
       "DestinationRule",
       "{host: a, trafficPolicy: {tls: {mode: SIMPLE, credentialName: a, caCrl: /b}}}",
       {"spec.trafficPolicy.tls.caCrl: is a part of the credential that credentialName names"}},
      {"a tunnel",
       "DestinationRule",
       "{host: a, trafficPolicy: {proxyProtocol: {version: V1}, tunnel: {protocol: GET, "
       "targetHost: 'a b', targetPort: 0}}}",
       {"spec.trafficPolicy.tunnel: goes with no proxyProtocol; leave one of them out",
        "spec.trafficPolicy.tunnel.protocol: \"GET\" is neither CONNECT nor POST",
        "spec.trafficPolicy.tunnel.targetHost: \"a b\" is not a domain name: \"a b\" may have "
        "letters, digits and - inside, at most 63 characters",
        "spec.trafficPolicy.tunnel.targetPort: port 0 is not 1 to 65535"}},
      {"a tunnel that can be",
       "DestinationRule",
       "{host: a, trafficPolicy: {tunnel: {protocol: POST, targetHost: 10.0.0.1, targetPort: 80}}}",
       {}},
      {"for chosen clients, of all namespaces",
       "DestinationRule",
       "{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: ['*']}",
       {"spec.exportTo[0]: a rule with workloadSelector is for its own namespace alone; write ."}},
      {"for chosen clients, of its own namespace",
       "DestinationRule",
       "{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: [shop]}",
       {}},
      {"claims in the mesh",
       "VirtualService",
       "{hosts: [a.b], gateways: [web, mesh], http: [{match: [{headers: "
       "{'@request.auth.claims.group': {exact: a}}, withoutHeaders: {'@request.auth.claims[role]': "
       "{exact: a}}}], route: [{destination: {host: a}}]}]}",
       {"spec.http[0].match[0].headers[\"@request.auth.claims.group\"]: claims are matched at "
        "gateways only; name some in spec.gateways, and not mesh",
        "spec.http[0].match[0].withoutHeaders[\"@request.auth.claims[role]\"]: claims are matched "
        "at gateways only; name some in spec.gateways, and not mesh"}},
      {"claims at a gateway",
       "VirtualService",
       "{hosts: [a.b], gateways: [web], http: [{match: [{headers: {'@request.auth.claims.group': "
       "{exact: a}}}], route: [{destination: {host: a}}]}]}",
       {}},
      {"a wait that is none",
       "VirtualService",
       "{hosts: [a.b], http: [{retries: {attempts: 1, backoff: 0s}, route: [{destination: {host: "
       "a}}]}]}",
       {"spec.http[0].retries.backoff: a duration is at least 1ms here"}},
      {"a redirect elsewhere",
       "VirtualService",
       "{hosts: [a.b], http: [{redirect: {scheme: ftp, port: 65536}}]}",
       {"spec.http[0].redirect.scheme: \"ftp\" is neither http nor https",
        "spec.http[0].redirect.port: port 65536 is not 1 to 65535"}},
      {"a redirect of a prefix",
       "VirtualService",
       "{hosts: [a.b], http: [{match: [{uri: {exact: /a}}], redirect: {uri: /b, prefixRewrite: "
       "/c}}]}",
       {"spec.http[0].redirect: has uri and prefixRewrite; give one of them",
        "spec.http[0].redirect.prefixRewrite: needs a match by uri.prefix, and no other"}},
      {"an answer and a fault",
       "VirtualService",
       "{hosts: [a.b], http: [{directResponse: {status: 200}, fault: {abort: {httpStatus: 500}}}]}",
       {"spec.http[0].fault: goes with no directResponse; give one of them"}},
      {"one mirror and several",
       "VirtualService",
       "{hosts: [a.b], http: [{route: [{destination: {host: a}}], mirror: {host: a}, mirrors: "
       "[{destination: {host: b}, percentage: {value: 101}}]}]}",
       {"spec.http[0].mirror: goes with no mirrors; write all of them there",
        "spec.http[0].mirrors[0].percentage: 101 is not a percentage, 0 to 100"}},
      {"a rewrite by a regular expression",
       "VirtualService",
       "{hosts: [a.b], http: [{route: [{destination: {host: a}}], rewrite: {uri: /a, "
       "uriRegexRewrite: {match: /a}}}]}",
       {"spec.http[0].rewrite: has uri and uriRegexRewrite; give one of them",
        "spec.http[0].rewrite.uriRegexRewrite: needs match and rewrite"}},
      {"claims to headers",
       "RequestAuthentication",
       "{jwtRules: [{issuer: a, timeout: 0s, outputClaimToHeaders: [{header: 'x y'}]}]}",
       {"spec.jwtRules[0].outputClaimToHeaders[0]: claim is missing",
        "spec.jwtRules[0].outputClaimToHeaders[0].header: is no header's name: letters, digits, - "
        "and _",
        "spec.jwtRules[0].timeout: a duration is at least 1ms here"}},
      {"for workloads and for a service",
       "RequestAuthentication",
       "{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, group: apps, namespace: "
       "other}]}",
       {"spec.targetRefs[0]: name is missing",
        "spec.targetRefs[0].namespace: is the policy's own, and is left out",
        "spec.targetRefs[0]: kind \"Service\" of group \"apps\" cannot be a target; Service, "
        "ServiceEntry of networking.istio.io, Gateway and GatewayClass of "
        "gateway.networking.k8s.io can",
        "spec: is for the workloads of selector or for targetRefs; give one of them"}},
      {"for a gateway",
       "AuthorizationPolicy",
       "{targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: a}, rules: [{}]}",
       {}},
      {"asks nobody",
       "AuthorizationPolicy",
       "{action: CUSTOM, provider: {name: a}, rules: []}",
       {"spec: CUSTOM without rules asks nobody; to ask about everything write rules: [{}]"}},
      {"asks about who nobody knows yet",
       "AuthorizationPolicy",
       "{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {principals: [a]}}], when: "
       "[{key: 'request.auth.claims[a]', values: [b]}]}]}",
       {"spec.rules[0].from[0].source.principals: cannot be looked at where the action is CUSTOM",
        "spec.rules[0].when[0]: request.auth.claims[a] cannot be looked at where the action is "
        "CUSTOM"}},
      {"service accounts",
       "AuthorizationPolicy",
       "{rules: [{from: [{source: {serviceAccounts: ['a*', b/c/d], namespaces: [a]}}]}]}",
       {"spec.rules[0].from[0].source.serviceAccounts[0]: \"a*\" is not NAME or NAMESPACE/NAME of "
        "a service account",
        "spec.rules[0].from[0].source.serviceAccounts[1]: \"b/c/d\" is not NAME or NAMESPACE/NAME "
        "of a service account",
        "spec.rules[0].from[0].source: serviceAccounts says the namespace as well; give no "
        "principals or namespaces beside it"}},
      {"trust domains",
       "AuthorizationPolicy",
       "{rules: [{from: [{source: {trustDomains: ['*a*', a/b, '*.a', '*']}}]}]}",
       {"spec.rules[0].from[0].source.trustDomains[0]: \"*a*\" is no trust domain, such as "
        "cluster.local or *.example.com",
        "spec.rules[0].from[0].source.trustDomains[1]: \"a/b\" is no trust domain, such as "
        "cluster.local or *.example.com"}},
      {"templates of paths",
       "AuthorizationPolicy",
       "{rules: [{to: [{operation: {paths: ['/{*}/{**}', '/{**}/a', '/{**}/{*}', '/a{*}', '/{*}/a "
       "b', '/{a}']}}]}]}",
       {"spec.rules[0].to[0].operation.paths[2]: \"/{**}/{*}\": {**} is the last of the "
        "placeholders",
        "spec.rules[0].to[0].operation.paths[3]: \"/a{*}\": { and } stand in {*} and {**} alone, "
        "as whole segments",
        "spec.rules[0].to[0].operation.paths[4]: \"/{*}/a b\": \"a b\" is no segment of a path",
        "spec.rules[0].to[0].operation.paths[5]: \"/{a}\": { and } stand in {*} and {**} alone, as "
        "whole segments"}},
      {"more than sixteen accounts",
       "AuthorizationPolicy",
       "{rules: [{from: [{source: {serviceAccounts: [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, "
       "a, a]}}]}]}",
       {"spec.rules[0].from[0].source: serviceAccounts takes 16 values at most"}},
      {"certificates from several places",
       "Gateway",
       "{selector: {a: b}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: "
       "['*'], tls: {mode: SIMPLE, credentialName: a, credentialNames: [b]}}]}",
       {"spec.servers[0].tls: certificates come from one place: serverCertificate and privateKey, "
        "tlsCertificates, credentialName or credentialNames"}},
      {"a revocation list for nobody",
       "Gateway",
       "{selector: {a: b}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: "
       "['*'], tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b, caCrl: /c}}]}",
       {"spec.servers[0].tls.caCrl: is for clients' certificates, which SIMPLE does not ask for"}},
      {"certificates beside the mesh's own",
       "Gateway",
       "{selector: {a: b}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: "
       "['*'], tls: {mode: ISTIO_MUTUAL, credentialNames: [a]}}]}",
       {"spec.servers[0].tls.credentialNames: ISTIO_MUTUAL uses the mesh's own certificates; leave "
        "this out, or use MUTUAL"}},
      {"TLS at a sidecar",
       "Sidecar",
       "{egress: [{hosts: ['*/*']}], ingress: [{port: {number: 80, name: a, protocol: HTTP}, "
       "defaultEndpoint: '127.0.0.1:80', tls: {mode: AUTO_PASSTHROUGH, credentialName: a, "
       "httpsRedirect: true}}]}",
       {"spec.ingress[0].tls.httpsRedirect: is not for a sidecar",
        "spec.ingress[0].tls.credentialName: is not for a sidecar",
        "spec.ingress[0].tls.mode: AUTO_PASSTHROUGH is not for a sidecar",
        "spec.ingress[0].tls: a port of \"HTTP\" has no TLS; write protocol: HTTPS or TLS"}},
      {"names of requests",
       "ServiceEntry",
       "{hosts: [a.b], addresses: [10.0.0.1], resolution: DYNAMIC_DNS, ports: [{number: 80, name: "
       "a, protocol: TCP}], endpoints: [{address: 10.0.0.1}]}",
       {"spec.hosts[0]: DYNAMIC_DNS is for wildcards, such as *.example.com; use DNS",
        "spec.addresses: DYNAMIC_DNS goes by the names of requests alone",
        "spec.endpoints: DYNAMIC_DNS resolves the names of requests",
        "spec.ports[0].protocol: is HTTP, HTTP2, GRPC or TLS with DYNAMIC_DNS"}},
      {"names of requests that can be",
       "ServiceEntry",
       "{hosts: ['*.a.b'], resolution: DYNAMIC_DNS, ports: [{number: 80, name: a, protocol: "
       "HTTP}]}",
       {}},
      {"several names in turn",
       "ServiceEntry",
       "{hosts: [a.b], resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: a, protocol: HTTP, "
       "targetPort: 65536}], endpoints: [{address: a.b}, {address: c.d}]}",
       {"spec.ports[0].targetPort: port 65536 is not 1 to 65535",
        "spec.endpoints: DNS_ROUND_ROBIN asks for one name; give one endpoint, or use DNS"}},
      {"a probe",
       "WorkloadGroup",
       "{template: {}, probe: {periodSeconds: -1, httpGet: {port: 0, scheme: http, httpHeaders: "
       "[{name: a_b}]}}}",
       {"spec.probe.periodSeconds: -1 is below 0",
        "spec.probe.httpGet.port: port 0 is not 1 to 65535",
        "spec.probe.httpGet.scheme: \"http\" is neither HTTP nor HTTPS",
        "spec.probe.httpGet.httpHeaders[0]: name is no header's: letters, digits and -"}},
      {"a probe that asks nothing",
       "WorkloadGroup",
       "{template: {}, probe: {exec: {}}}",
       {"spec.probe.exec: command is missing"}},
      {"a probe of no kind",
       "WorkloadGroup",
       "{template: {}, probe: {}}",
       {"spec.probe: asks nothing; give httpGet, tcpSocket, exec or grpc"}},
      {"telemetry without names",
       "Telemetry",
       "{tracing: [{providers: [{}], customTags: {a: {literal: {}}, b: {header: {}}, c: "
       "{environment: {}}}}], accessLogging: [{filter: {}}]}",
       {"spec.tracing[0].providers[0]: name is missing",
        "spec.tracing[0].customTags.a.literal: value is missing",
        "spec.tracing[0].customTags.b.header: name is missing",
        "spec.tracing[0].customTags.c.environment: name is missing",
        "spec.accessLogging[0].filter: expression is missing"}},
      {"tags of metrics",
       "Telemetry",
       "{metrics: [{overrides: [{match: {customMetric: ''}, tagOverrides: {a: {}, b: {operation: "
       "REMOVE, value: c}}}]}]}",
       {"spec.metrics[0].overrides[0].tagOverrides.a: value is missing: what UPSERT sets the tag "
        "to",
        "spec.metrics[0].overrides[0].tagOverrides.b: value goes with UPSERT only",
        "spec.metrics[0].overrides[0].match.customMetric: is empty"}},
      {"two tracers: one counts",
       "Telemetry",
       "{tracing: [{providers: [{name: a}, {name: b}]}]}",
       {}},
  };
  for (const Row& row : kRows) {
    EXPECT_THAT(Problems(row.kind, row.spec), ::testing::ElementsAreArray(row.problems))
        << row.name;
  }
}

TEST(LaterFields, AnAnswerThatIsTooLarge) {
  const auto answer = [](size_t bytes) {
    return Problems(
        "VirtualService",
        absl::StrCat("{hosts: [a.b], http: [{directResponse: {status: 200, body: {string: ",
                     std::string(bytes, 'x'), "}}}]}"));
  };
  EXPECT_THAT(answer(1 << 20), ::testing::IsEmpty());
  EXPECT_THAT(answer((1 << 20) + 1),
              ::testing::ElementsAre("spec.http[0].directResponse.body: is above 1 MB, and every "
                                     "proxy keeps it; let a service answer"));
}

}  // namespace
}  // namespace mesh::config
