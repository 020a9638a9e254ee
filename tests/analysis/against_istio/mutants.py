"""Objects with one thing changed: every field of a valid object of each kind, set to values at and beyond its bounds.

Everything follows from the bases below.
"""
import copy

NETWORKING, SECURITY, TELEMETRY = "networking.istio.io/v1alpha3", "security.istio.io/v1beta1", "telemetry.istio.io/v1alpha1"


def route(**more):
    return {"route": [{"destination": {"host": "reviews"}}], **more}


# (kind, version, spec): valid here and there, with every field that some rule is about in one of them.
BASES = [
    ("VirtualService", NETWORKING, {
        "hosts": ["reviews", "shop.example.com"], "gateways": ["web", "shop/edge"], "exportTo": ["."],
        "http": [route(
            name="main", timeout="5s",
            match=[{"name": "m", "uri": {"prefix": "/a"}, "scheme": {"exact": "http"}, "method": {"exact": "GET"}, "authority": {"regex": "a.*"}, "headers": {"x-a": {"exact": "1"}},
                    "withoutHeaders": {"x-b": {"prefix": "2"}}, "queryParams": {"q": {"exact": "1"}}, "port": 80, "sourceLabels": {"app": "a"}, "gateways": ["web"], "ignoreUriCase": True,
                    "sourceNamespace": "default", "statPrefix": "s"}],
            rewrite={"uri": "/b", "authority": "b"}, retries={"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx,connect-failure", "retryRemoteLocalities": True, "backoff": "1s", "retryIgnorePreviousHosts": True},
            fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 10}}, "abort": {"httpStatus": 503, "percentage": {"value": 10}}},
            mirror={"host": "b", "subset": "v1", "port": {"number": 80}}, mirrorPercentage={"value": 10},
            corsPolicy={"allowOrigins": [{"exact": "a"}], "allowMethods": ["GET"], "allowHeaders": ["x-a"], "exposeHeaders": ["x-b"], "maxAge": "1h", "allowCredentials": True, "unmatchedPreflights": "FORWARD"},
            headers={"request": {"set": {"x-a": "1"}, "add": {"x-b": "2"}, "remove": ["x-c"]}, "response": {"set": {"x-a": "1"}}}),
            {"match": [{"uri": {"exact": "/r"}}], "redirect": {"uri": "/n", "authority": "a", "redirectCode": 301, "scheme": "https", "port": 443}}]}),
    ("VirtualService", NETWORKING, {
        "hosts": ["reviews"],
        "http": [route(match=[{"uri": {"prefix": "/a"}}], mirrors=[{"destination": {"host": "b", "subset": "v1", "port": {"number": 80}}, "percentage": {"value": 10}}], rewrite={"uriRegexRewrite": {"match": "/a(.*)", "rewrite": "\\1"}}),
                 {"match": [{"uri": {"prefix": "/d"}, "headers": {"x-a": {"regex": "a"}}}], "directResponse": {"status": 503, "body": {"string": "x"}}, "headers": {"response": {"set": {"x-a": "1"}}}},
                 {"match": [{"uri": {"prefix": "/b"}}], "directResponse": {"status": 200, "body": {"bytes": "eA=="}}},
                 {"match": [{"uri": {"prefix": "/r"}}], "redirect": {"derivePort": "FROM_PROTOCOL_DEFAULT", "redirectCode": 308}},
                 {"route": [{"destination": {"host": "a"}, "weight": 20, "headers": {"request": {"set": {"x-a": "1"}}}}, {"destination": {"host": "b"}, "weight": 80}]}]}),
    ("VirtualService", NETWORKING, {
        "hosts": ["a.example.com", "*.b.example.com"],
        "tls": [{"match": [{"sniHosts": ["a.example.com"], "port": 443, "destinationSubnets": ["10.0.0.0/8"], "sourceLabels": {"app": "a"}, "gateways": ["mesh"], "sourceNamespace": "default"}],
                 "route": [{"destination": {"host": "a", "port": {"number": 443}, "subset": "v1"}, "weight": 100}]}],
        "tcp": [{"match": [{"port": 80, "destinationSubnets": ["10.0.0.1"], "sourceLabels": {"app": "a"}, "gateways": ["mesh"], "sourceNamespace": "default"}],
                 "route": [{"destination": {"host": "a", "port": {"number": 80}}, "weight": 50}, {"destination": {"host": "b"}, "weight": 50}]}]}),
    ("VirtualService", NETWORKING, {
        "hosts": ["a.example.com"], "gateways": ["web"],
        "http": [{"match": [{"headers": {"@request.auth.claims.group": {"exact": "a"}}, "withoutHeaders": {"@request.auth.claims[role]": {"exact": "b"}}}], **route()}]}),
    ("DestinationRule", NETWORKING, {
        "host": "reviews", "exportTo": ["."], "workloadSelector": {"matchLabels": {"app": "a"}},
        "trafficPolicy": {
            "loadBalancer": {"consistentHash": {"httpHeaderName": "x-a", "ringHash": {"minimumRingSize": 1024}}, "warmup": {"duration": "10s", "aggression": 1.5, "minimumPercent": 10}},
            "connectionPool": {"tcp": {"maxConnections": 10, "connectTimeout": "1s", "tcpKeepalive": {"probes": 3, "time": "1h", "interval": "75s"}, "maxConnectionDuration": "1h", "idleTimeout": "1h"},
                               "http": {"http1MaxPendingRequests": 10, "http2MaxRequests": 10, "maxRequestsPerConnection": 1, "maxRetries": 3, "idleTimeout": "1h", "h2UpgradePolicy": "UPGRADE", "maxConcurrentStreams": 10}},
            "outlierDetection": {"consecutive5xxErrors": 3, "consecutiveGatewayErrors": 3, "interval": "5s", "baseEjectionTime": "30s", "maxEjectionPercent": 10, "minHealthPercent": 20, "splitExternalLocalOriginErrors": True, "consecutiveLocalOriginFailures": 3},
            "tls": {"mode": "SIMPLE", "sni": "a", "subjectAltNames": ["a"], "caCertificates": "/ca", "insecureSkipVerify": False},
            "tunnel": {"protocol": "CONNECT", "targetHost": "a.example.com", "targetPort": 443}, "retryBudget": {"percent": 20, "minRetryConcurrency": 3},
            "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k", "caCertificates": "/ca"}, "loadBalancer": {"simple": "LEAST_REQUEST"}}]},
        "subsets": [{"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "c", "path": "/", "ttl": "1h"}, "maglev": {"tableSize": 65537}}}}}]}),
    ("DestinationRule", NETWORKING, {
        "host": "*.example.com", "exportTo": ["*"],
        "trafficPolicy": {"proxyProtocol": {"version": "V1"}, "loadBalancer": {"simple": "LEAST_REQUEST", "warmupDurationSecs": "10s", "localityLbSetting": {"distribute": [{"from": "a/b/*", "to": {"a/b/*": 80, "c/d/*": 20}}], "enabled": True}},
                          "tls": {"mode": "SIMPLE", "credentialName": "c"}, "outlierDetection": {"interval": "5s"},
                          "portLevelSettings": [{"port": {"number": 80}, "loadBalancer": {"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}, "outlierDetection": {"interval": "5s"}},
                                                {"port": {"number": 81}, "loadBalancer": {"localityLbSetting": {"failoverPriority": ["topology.kubernetes.io/region", "topology.istio.io/subzone"]}}, "outlierDetection": {"interval": "5s"}},
                                                {"port": {"number": 82}, "loadBalancer": {"consistentHash": {"httpQueryParameterName": "q", "minimumRingSize": 10}}},
                                                {"port": {"number": 83}, "loadBalancer": {"consistentHash": {"useSourceIp": True}}}]}}),
    ("DestinationRule", NETWORKING, {
        "host": "a.b",
        "trafficPolicy": {"loadBalancer": {"zoneAwareLbSetting": {"failover": [{"from": "a", "to": "b"}], "failoverPriority": ["version"], "minClusterSize": 3}, "consistentHash": {"httpCookie": {"name": "c", "ttl": "0s", "attributes": [{"name": "SameSite", "value": "Lax"}]}}},
                          "connectionPool": {"http": {"useClientProtocol": True, "http2KeepAlive": {"interval": "1s", "timeout": "2s"}}}, "outlierDetection": {"outlierDetectionHttpErrorCodes": [500]},
                          "tls": {"mode": "MUTUAL", "clientCertificate": "/c", "privateKey": "/k", "caCrl": "/crl"}, "retryBudget": {"percent": 20, "budgetInterval": "1s"}}}),
    ("ServiceEntry", NETWORKING, {"hosts": ["*.a.example.com"], "location": "MESH_EXTERNAL", "resolution": "DYNAMIC_DNS", "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]}),
    ("ServiceEntry", NETWORKING, {"hosts": ["a.example.com"], "location": "MESH_EXTERNAL", "resolution": "DNS_ROUND_ROBIN", "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "endpoints": [{"address": "b.example.com"}]}),
    ("Gateway", NETWORKING, {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["*.example.com", "./a.b", "ns/*"], "bind": "10.0.0.1", "name": "n", "defaultEndpoint": "127.0.0.1:80",
                     "tls": {"mode": "MUTUAL", "serverCertificate": "/c", "privateKey": "/k", "caCertificates": "/ca", "subjectAltNames": ["a"], "minProtocolVersion": "TLSV1_2", "maxProtocolVersion": "TLSV1_3", "cipherSuites": ["AES128-SHA"],
                             "verifyCertificateSpki": ["a"], "verifyCertificateHash": ["b"]}},
                    {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"], "tls": {"httpsRedirect": True}},
                    {"port": {"number": 8443, "name": "tls", "protocol": "TLS"}, "hosts": ["a.b"], "tls": {"mode": "SIMPLE", "credentialName": "c"}},
                    {"port": {"number": 8444, "name": "tls-p", "protocol": "TLS"}, "hosts": ["a.b"], "tls": {"mode": "PASSTHROUGH"}},
                    {"port": {"number": 8445, "name": "tls-m", "protocol": "TLS"}, "hosts": ["a.b"], "tls": {"mode": "ISTIO_MUTUAL"}},
                    {"port": {"number": 8446, "name": "tls-o", "protocol": "HTTPS"}, "hosts": ["a.b"], "tls": {"mode": "OPTIONAL_MUTUAL", "credentialName": "c"}},
                    {"port": {"number": 8447, "name": "tls-n", "protocol": "HTTPS"}, "hosts": ["a.b"], "tls": {"mode": "SIMPLE", "credentialNames": ["c", "d"]}},
                    {"port": {"number": 8448, "name": "tls-t", "protocol": "HTTPS"}, "hosts": ["a.b"], "tls": {"mode": "SIMPLE", "tlsCertificates": [{"serverCertificate": "/c", "privateKey": "/k"}]}}]}),
    ("ServiceEntry", NETWORKING, {
        "hosts": ["a.example.com"], "addresses": ["10.0.0.1"], "location": "MESH_EXTERNAL", "resolution": "STATIC", "exportTo": ["."], "subjectAltNames": ["a"],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}, {"number": 9000, "name": "tcp", "protocol": "TCP"}],
        "endpoints": [{"address": "10.0.0.2", "ports": {"http": 8080}, "labels": {"app": "a"}, "network": "n", "locality": "a/b", "weight": 1, "serviceAccount": "s"}]}),
    ("ServiceEntry", NETWORKING, {
        "hosts": ["a.example.com", "*.b.example.com"], "location": "MESH_INTERNAL", "resolution": "DNS", "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "endpoints": [{"address": "c.example.com"}]}),
    ("ServiceEntry", NETWORKING, {
        "hosts": ["a.example.com"], "location": "MESH_INTERNAL", "resolution": "STATIC", "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}], "workloadSelector": {"labels": {"app": "a"}}}),
    ("WorkloadEntry", NETWORKING, {"address": "10.0.0.1", "ports": {"http": 80}, "labels": {"app": "a"}, "network": "n", "locality": "a/b/c", "weight": 1, "serviceAccount": "s"}),
    ("WorkloadGroup", NETWORKING, {
        "metadata": {"labels": {"app": "a"}, "annotations": {"a": "b"}}, "template": {"ports": {"http": 80}, "serviceAccount": "s", "network": "n", "labels": {"app": "a"}, "locality": "a", "weight": 1},
        "probe": {"initialDelaySeconds": 1, "timeoutSeconds": 1, "periodSeconds": 1, "successThreshold": 1, "failureThreshold": 1,
                  "httpGet": {"path": "/a", "port": 80, "host": "127.0.0.1", "scheme": "HTTP", "httpHeaders": [{"name": "x-a", "value": "b"}]}}}),
    ("WorkloadGroup", NETWORKING, {"template": {"serviceAccount": "s"}, "probe": {"tcpSocket": {"host": "a", "port": 80}}}),
    ("WorkloadGroup", NETWORKING, {"template": {"serviceAccount": "s"}, "probe": {"exec": {"command": ["a", "b"]}}}),
    ("Sidecar", NETWORKING, {
        "workloadSelector": {"labels": {"app": "a"}}, "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "inboundConnectionPool": {"http": {"http1MaxPendingRequests": 1}},
        "ingress": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "bind": "127.0.0.1", "captureMode": "DEFAULT", "defaultEndpoint": "127.0.0.1:8080", "connectionPool": {"http": {"http2MaxRequests": 1}}},
                    {"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "defaultEndpoint": "unix:///var/s", "tls": {"mode": "SIMPLE", "serverCertificate": "/c", "privateKey": "/k"}}],
        "egress": [{"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "bind": "127.0.0.2", "captureMode": "NONE", "hosts": ["./*", "shop/a.b"]}, {"hosts": ["istio-system/*"]}]}),
    ("EnvoyFilter", NETWORKING, {
        "workloadSelector": {"labels": {"app": "a"}}, "priority": 1,
        "configPatches": [{"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_INBOUND", "proxy": {"proxyVersion": "1\\.7.*", "metadata": {"a": "b"}},
                                                               "listener": {"portNumber": 80, "filterChain": {"name": "n", "sni": "s", "filter": {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": "envoy.filters.http.router"}}}}},
                           "patch": {"operation": "INSERT_BEFORE", "filterClass": "AUTHN", "value": {"name": "envoy.filters.http.lua", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua", "inlineCode": "x"}}}},
                          {"applyTo": "CLUSTER", "match": {"context": "ANY", "cluster": {"service": "a", "portNumber": 80, "subset": "v1"}}, "patch": {"operation": "MERGE", "value": {"connect_timeout": "1s"}}},
                          {"applyTo": "VIRTUAL_HOST", "match": {"context": "GATEWAY", "routeConfiguration": {"name": "http.80", "vhost": {"name": "a:80", "route": {"action": "ANY"}}}}, "patch": {"operation": "MERGE", "value": {"name": "x"}}}]}),
    ("PeerAuthentication", SECURITY, {"selector": {"matchLabels": {"app": "a"}}, "mtls": {"mode": "STRICT"}, "portLevelMtls": {"8080": {"mode": "DISABLE"}}}),
    ("RequestAuthentication", SECURITY, {
        "selector": {"matchLabels": {"app": "a"}},
        "jwtRules": [{"issuer": "https://a.example.com", "audiences": ["a"], "jwksUri": "https://a.example.com/keys", "fromHeaders": [{"name": "x-jwt", "prefix": "Bearer "}], "fromParams": ["t"], "fromCookies": ["c"], "outputPayloadToHeader": "x-p",
                      "forwardOriginalToken": True, "outputClaimToHeaders": [{"header": "x-c", "claim": "group"}], "timeout": "5s", "spaceDelimitedClaims": ["c"]},
                     {"issuer": "b", "jwks": '{"keys":[]}'}]}),
    ("RequestAuthentication", SECURITY, {"targetRefs": [{"kind": "Service", "group": "", "name": "a"}], "jwtRules": [{"issuer": "b", "jwks": '{"keys":[]}'}]}),
    ("AuthorizationPolicy", SECURITY, {
        "selector": {"matchLabels": {"app": "a"}}, "action": "ALLOW",
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/default/sa/a"], "notPrincipals": ["*"], "requestPrincipals": ["a/b"], "notRequestPrincipals": ["c/*"], "namespaces": ["a"], "notNamespaces": ["b"], "ipBlocks": ["10.0.0.0/8"],
                                        "notIpBlocks": ["10.0.0.1"], "remoteIpBlocks": ["10.0.0.0/8"], "notRemoteIpBlocks": ["10.0.0.1"]}}],
                   "to": [{"operation": {"hosts": ["a"], "notHosts": ["b"], "ports": ["80"], "notPorts": ["81"], "methods": ["GET"], "notMethods": ["POST"], "paths": ["/a"], "notPaths": ["/b*"]}}],
                   "when": [{"key": "request.headers[x-a]", "values": ["a"], "notValues": ["b"]}, {"key": "source.ip", "values": ["10.0.0.1"]}, {"key": "request.auth.claims[group]", "values": ["a"]}, {"key": "destination.port", "values": ["80"]}]}]}),
    ("AuthorizationPolicy", SECURITY, {"action": "CUSTOM", "provider": {"name": "ext"}, "rules": [{"to": [{"operation": {"paths": ["/a"], "methods": ["GET"]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"action": "AUDIT", "rules": [{"to": [{"operation": {"paths": ["/a/{*}/b", "/c/{**}"]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"action": "DENY", "rules": [{"from": [{"source": {"serviceAccounts": ["default/a"], "notServiceAccounts": ["b"]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"action": "ALLOW", "rules": [{"from": [{"source": {"trustDomains": ["cluster.local", "*.a"], "notTrustDomains": ["b*"]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"targetRef": {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "a"}, "rules": [{}]}),
    ("Telemetry", TELEMETRY, {
        "selector": {"matchLabels": {"app": "a"}},
        "tracing": [{"match": {"mode": "CLIENT"}, "providers": [{"name": "a"}], "randomSamplingPercentage": 10, "disableSpanReporting": False, "useRequestIdForTraceSampling": True, "enableIstioTags": True,
                     "customTags": {"l": {"literal": {"value": "a"}}, "e": {"environment": {"name": "A", "defaultValue": "b"}}, "h": {"header": {"name": "x-a", "defaultValue": "b"}}}}],
        "metrics": [{"providers": [{"name": "a"}], "reportingInterval": "5s",
                     "overrides": [{"match": {"metric": "REQUEST_COUNT", "mode": "SERVER"}, "disabled": True, "tagOverrides": {"t": {"operation": "UPSERT", "value": "a"}, "r": {"operation": "REMOVE"}}}, {"match": {"customMetric": "m"}}]}],
        "accessLogging": [{"match": {"mode": "SERVER"}, "providers": [{"name": "a"}], "disabled": False, "filter": {"expression": "response.code >= 400"}}]}),
    ("Telemetry", TELEMETRY, {"targetRefs": [{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "a"}], "accessLogging": [{"providers": [{"name": "a"}]}]}),
    ("ProxyConfig", "networking.istio.io/v1beta1", {"selector": {"matchLabels": {"app": "a"}}, "concurrency": 2, "environmentVariables": {"A": "b"}, "image": {"imageType": "distroless"}}),
]

def custom(**rule):
    return ("AuthorizationPolicy", SECURITY, {"action": "CUSTOM", "provider": {"name": "p"}, "rules": [rule]})


def when(key, value="a", action="ALLOW"):
    return ("AuthorizationPolicy", SECURITY, {"action": action, "rules": [{"when": [{"key": key, "values": [value]}]}]})


def mirrors(*shares):
    return ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(mirrors=[{"destination": {"host": "b"}, "percentage": {"value": s}} for s in shares])]})


def http(**rule):
    return ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [rule]})


def policy(**parts):
    return ("DestinationRule", NETWORKING, {"host": "a.b", "trafficPolicy": parts})


def server(**tls):
    return ("Gateway", NETWORKING, {"selector": {"a": "b"}, "servers": [{"port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "hosts": ["*"], "tls": tls}]})


def ingress(protocol="HTTPS", **tls):
    return ("Sidecar", NETWORKING, {"ingress": [{"port": {"number": 443, "name": "a", "protocol": protocol}, "defaultEndpoint": "127.0.0.1:80", "tls": tls}], "egress": [{"hosts": ["*/*"]}]})


# What one change does not make of a base.
VARIANTS = [
    *(custom(**{"from": [{"source": {name: ["a"]}}]}) for name in ("namespaces", "notNamespaces", "serviceAccounts", "principals", "notPrincipals", "requestPrincipals", "trustDomains")),
    custom(**{"from": [{"source": {"ipBlocks": ["10.0.0.1"]}}]}), custom(when=[{"key": "request.headers[a]", "values": ["b"]}]),
    *(custom(when=[{"key": key, "values": ["a"]}]) for key in ("source.namespace", "source.principal", "request.auth.claims[a]", "request.auth.principal", "source.serviceAccount", "source.trustDomain")),
    *(when(key) for key in ("source.serviceAccount", "source.trustDomain", "source.namespace", "connection.sni", "request.auth.presenter", "destination.labels[a]", "destination.user", "request.regex.headers[a]", "request.headers", "request.auth.claims[a][b]",
                            "experimental.envoy.filters.a.b[c]", "remote.ip", "destination.port")),
    when("remote.ip", "10.0.0.1"), when("source.trustDomain", "a/b"), when("source.trustDomain", "*"), when("source.serviceAccount", "a/b/c"), when("source.serviceAccount", "a*"),
    ("AuthorizationPolicy", SECURITY, {"rules": [{"from": [{"source": {"serviceAccounts": ["a"], "namespaces": ["b"]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"rules": [{"from": [{"source": {"serviceAccounts": ["a"] * 17}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"rules": [{"from": [{"source": {"serviceAccounts": ["a" * 321]}}]}]}),
    ("AuthorizationPolicy", SECURITY, {"action": "AUDIT"}), ("AuthorizationPolicy", SECURITY, {"action": "AUDIT", "provider": {"name": "a"}}), ("AuthorizationPolicy", SECURITY, {"action": "CUSTOM", "rules": [{}]}),
    *(("AuthorizationPolicy", SECURITY, {"rules": [{"to": [{"operation": {field: [path]}}]}]}) for field in ("paths", "notPaths")
      for path in ("/{*}", "/{**}", "/{**}/a", "/{**}/{*}", "/{*}/{**}", "/a{*}", "/{a}", "/{*}/a b", "/{*}/%41", "/{*}/%4", "/{*}/a*", "/a}", "{**}", "/{*}/", "//{*}//a", "/{*}?a=b", "/a/*/{*}")),
    mirrors(50, 50), mirrors(60, 60), mirrors(100), mirrors(101), mirrors(0), mirrors(0.5), ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(mirror={"host": "a"}, mirrors=[{"destination": {"host": "b"}}])]}),
    ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(mirrors=[{}])]}), ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(mirrors=[{"destination": {"host": "b"}}] * 2)]}),
    http(directResponse={"status": 200}, **route()), http(directResponse={"status": 200}, redirect={"uri": "/a"}), http(directResponse={"status": 200}, rewrite={"uri": "/a"}), http(directResponse={"status": 200}, mirror={"host": "a"}),
    http(directResponse={"status": 200}, fault={"abort": {"httpStatus": 500}}), http(directResponse={"status": 200}, headers={"request": {"set": {"a": "b"}}}), http(directResponse={"status": 200}, timeout="1s"), http(directResponse={"status": 200}, retries={"attempts": 1}),
    http(directResponse={"status": 200}, corsPolicy={"allowOrigins": [{"exact": "a"}]}), http(directResponse={"status": 199}), http(directResponse={"status": 600}), http(directResponse={"status": 601}), http(directResponse={}), http(directResponse={"status": 200, "body": {}}),
    http(directResponse={"status": 200, "body": {"string": "x" * 1000001}}), http(directResponse={"status": 200, "body": {"string": "x" * 1048577}}), http(directResponse={"status": 200, "body": {"string": "x" * 1048575}}), http(directResponse={"status": 200, "body": {"string": "x" * 102401}}),
    http(directResponse={"status": 200}, mirrors=[{"destination": {"host": "b"}}]), http(directResponse={"status": 200}, delegate={"name": "a"}),
    http(redirect={"scheme": "https"}), http(redirect={"port": 443}), http(redirect={"derivePort": "FROM_REQUEST_PORT"}), http(redirect={"port": 0}), http(redirect={"prefixRewrite": "/a"}), http(redirect={"prefixRewrite": "/a", "uri": "/b"}),
    http(match=[{"uri": {"exact": "/a"}}], redirect={"prefixRewrite": "/a"}), http(match=[{"uri": {"prefix": "/a"}}], redirect={"prefixRewrite": "/a"}), http(match=[{"headers": {"a": {"exact": "b"}}}], redirect={"prefixRewrite": "/a"}),
    http(rewrite={"uriRegexRewrite": {"match": "(", "rewrite": "a"}}, **route()), http(rewrite={"uriRegexRewrite": {"match": "a", "rewrite": "b"}, "uri": "/a"}, **route()), http(rewrite={"uriRegexRewrite": {"match": "a", "rewrite": "\\9"}}, **route()),
    http(retries={"attempts": 0, "backoff": "1s"}, **route()), http(retries={"attempts": 1, "backoff": "25ms"}, **route()), http(headers={"request": {"set": {"host": "a"}}}, rewrite={"authority": "b"}, **route()),
    ("VirtualService", NETWORKING, {"hosts": ["a.b"], "gateways": ["mesh", "web"], "http": [route(match=[{"headers": {"@request.auth.claims.a": {"exact": "b"}}}])]}),
    ("VirtualService", NETWORKING, {"hosts": ["a.b"], "gateways": ["web"], "http": [route(match=[{"headers": {"@request.auth.claims": {"exact": "b"}}}])]}),
    policy(loadBalancer={"consistentHash": {"useSourceIp": True, "minimumRingSize": 1, "maglev": {"tableSize": 7}}}), policy(loadBalancer={"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 5000011}}}),
    policy(loadBalancer={"consistentHash": {"useSourceIp": True, "ringHash": {"minimumRingSize": 8388609}}}), policy(loadBalancer={"localityLbSetting": {"enabled": True}, "zoneAwareLbSetting": {"enabled": True}}),
    policy(loadBalancer={"localityLbSetting": {"failover": [{"from": "a", "to": "b"}], "failoverPriority": ["topology.kubernetes.io/zone"]}}), policy(loadBalancer={"localityLbSetting": {"failover": [{"from": "a", "to": "b"}], "failoverPriority": ["version"]}}),
    policy(loadBalancer={"zoneAwareLbSetting": {"failoverPriority": ["topology.kubernetes.io/zone"]}}), policy(loadBalancer={"simple": "RANDOM", "warmup": {"duration": "1s"}}), policy(loadBalancer={"warmupDurationSecs": "0s"}), policy(loadBalancer={"warmupDurationSecs": "-1s"}),
    policy(connectionPool={"http": {"useClientProtocol": True, "h2UpgradePolicy": "UPGRADE"}}), policy(tunnel={"protocol": "CONNECT", "targetHost": "a.b", "targetPort": 1}, proxyProtocol={"version": "V2"}), policy(proxyProtocol={"version": "V2"}), policy(retryBudget={}),
    policy(tls={"mode": "SIMPLE", "insecureSkipVerify": True, "credentialName": "a"}), policy(tls={"mode": "SIMPLE", "insecureSkipVerify": True}), policy(tls={"mode": "MUTUAL", "insecureSkipVerify": True, "credentialName": "a"}),
    policy(tls={"mode": "SIMPLE", "credentialName": "a", "caCrl": "b"}), policy(tls={"mode": "SIMPLE", "caCertificates": "a", "caCrl": "b"}), policy(tls={"mode": "ISTIO_MUTUAL", "caCrl": "b"}), policy(tls={"mode": "SIMPLE", "credentialName": "configmap://a"}),
    ("DestinationRule", NETWORKING, {"host": "a.b", "workloadSelector": {"matchLabels": {"a": "b"}}, "exportTo": ["default"]}), ("DestinationRule", NETWORKING, {"host": "a.b", "workloadSelector": {"matchLabels": {"a": "b"}}, "exportTo": ["*"]}),
    server(mode="SIMPLE", credentialName="a", credentialNames=["b"]), server(mode="SIMPLE", credentialNames=[]), server(mode="SIMPLE", credentialNames=["a", "b", "c"]), server(mode="SIMPLE", tlsCertificates=[]), server(mode="SIMPLE", tlsCertificates=[{"serverCertificate": "a"}]),
    server(mode="SIMPLE", tlsCertificates=[{"serverCertificate": "a", "privateKey": "b"}], serverCertificate="a", privateKey="b"), server(mode="SIMPLE", tlsCertificates=[{"serverCertificate": "a", "privateKey": "b"}] * 3),
    server(mode="OPTIONAL_MUTUAL", serverCertificate="a", privateKey="b"), server(mode="OPTIONAL_MUTUAL", serverCertificate="a", privateKey="b", caCertificates="c"), server(mode="MUTUAL", credentialName="a", caCrl="b"), server(mode="SIMPLE", credentialName="a", caCrl="b"),
    server(mode="MUTUAL", serverCertificate="a", privateKey="b", caCertificates="c", caCrl="d"), server(mode="SIMPLE", serverCertificate="a", privateKey="b", caCrl="d"), server(mode="MUTUAL", credentialName="a", caCertCredentialName="b"),
    server(mode="MUTUAL", serverCertificate="a", privateKey="b", caCertCredentialName="c"), server(mode="ISTIO_MUTUAL", credentialNames=["a"]), server(mode="PASSTHROUGH", credentialName="a"),
    ingress(mode="SIMPLE", credentialName="a"), ingress(mode="SIMPLE", serverCertificate="a", privateKey="b", subjectAltNames=["c"]), ingress(mode="SIMPLE", serverCertificate="a", privateKey="b", httpsRedirect=True), ingress("HTTP", mode="SIMPLE", serverCertificate="a", privateKey="b"),
    ingress("TLS", mode="SIMPLE", serverCertificate="a", privateKey="b"), ingress(mode="ISTIO_MUTUAL"), ingress(mode="PASSTHROUGH"), ingress(mode="MUTUAL", serverCertificate="a", privateKey="b", caCertificates="c"),
    ("ServiceEntry", NETWORKING, {"hosts": ["a.b"], "resolution": "DYNAMIC_DNS", "ports": [{"number": 80, "name": "a", "protocol": "HTTP"}]}), ("ServiceEntry", NETWORKING, {"hosts": ["*.a.b"], "resolution": "DYNAMIC_DNS", "ports": [{"number": 80, "name": "a", "protocol": "TCP"}]}),
    ("ServiceEntry", NETWORKING, {"hosts": ["*.a.b"], "addresses": ["10.0.0.1"], "resolution": "DYNAMIC_DNS", "ports": [{"number": 80, "name": "a", "protocol": "HTTP"}]}),
    ("ServiceEntry", NETWORKING, {"hosts": ["a.b"], "resolution": "DNS_ROUND_ROBIN", "ports": [{"number": 80, "name": "a", "protocol": "HTTP"}], "endpoints": [{"address": "a.b"}, {"address": "c.d"}]}),
    ("RequestAuthentication", SECURITY, {"selector": {"matchLabels": {"a": "b"}}, "targetRef": {"kind": "Service", "name": "a"}}), ("RequestAuthentication", SECURITY, {"targetRef": {"kind": "Service", "name": "a"}, "targetRefs": [{"kind": "Service", "name": "a"}]}),
    ("RequestAuthentication", SECURITY, {"targetRefs": [{"kind": "ServiceEntry", "group": "networking.istio.io", "name": "a"}]}), ("RequestAuthentication", SECURITY, {"targetRefs": [{"kind": "GatewayClass", "group": "gateway.networking.k8s.io", "name": "a"}]}),
    ("RequestAuthentication", SECURITY, {"targetRefs": [{"kind": "Service", "name": "a", "namespace": "b"}]}), ("RequestAuthentication", SECURITY, {"selector": {}, "targetRefs": [{"kind": "Service", "name": "a"}]}),
    ("Telemetry", TELEMETRY, {"selector": {"matchLabels": {"a": "b"}}, "targetRefs": [{"kind": "Service", "name": "a"}]}), ("Telemetry", TELEMETRY, {"tracing": [{}, {}]}), ("Telemetry", TELEMETRY, {"tracing": [{"customTags": {"a": {}}}]}), ("Telemetry", TELEMETRY, {}),
    ("WorkloadGroup", NETWORKING, {}), ("WorkloadGroup", NETWORKING, {"template": {}}), ("WorkloadGroup", NETWORKING, {"template": {}, "probe": {"grpc": {"port": 80}}}), ("ProxyConfig", "networking.istio.io/v1beta1", {}), ("ProxyConfig", "networking.istio.io/v1beta1", {"concurrency": 0}),
    ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(fault={"abort": {"grpcStatus": "UNAVAILABLE"}})]}), ("VirtualService", NETWORKING, {"hosts": ["a.b"], "http": [route(fault={"abort": {"grpcStatus": "nonesuch"}})]}),
]

TEXTS = ["", "*", "a b", "-a", "a*", "*.a", "a.b", "A_B", "1", "a/b", "/", ".", "~", "x" * 300, "10.0.0.1", "10.0.0.0/8", "256.1.1.1", "::1", "[", "(", "a:b", "unix:///a", "https://", "ü"]
DURATIONS = ["0s", "-1s", "1ms", "0.0005s", "1.5s", "100000h", "x", "1"]
NUMBERS = [0, -1, 1, 2, 79, 99, 100, 101, 199, 200, 299, 300, 399, 400, 599, 600, 601, 65535, 65536, 5000011, 5000013, 1e10, 1.5, 0.05]


def values(old):
    if isinstance(old, bool):
        return [not old, "x"]
    if isinstance(old, (int, float)):
        return NUMBERS + ["x"]
    if isinstance(old, str):
        if old[:1].isdigit() and old[-1] in "smh":
            return DURATIONS
        if old.isupper() and len(old) > 2:
            return ["", "NONESUCH", 0, 1, 2, 3, 4, 5, 6]
        return TEXTS + [5]
    if isinstance(old, list):
        return [[], old + [copy.deepcopy(old[0])], [copy.deepcopy(old[0])] * 3, {}, "x"]
    return [{}, [], "x"]


def places(value, path=()):
    """Every place inside, with what stands there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield path + (key,), item
        yield from places(item, path + (key,))


def changed(spec, path, value, delete=False):
    spec = copy.deepcopy(spec)
    at = spec
    for key in path[:-1]:
        at = at[key]
    if delete:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return spec


def renamed(spec, path, key):
    """The same with another key: for maps of names to something."""
    spec = copy.deepcopy(spec)
    at = spec
    for step in path[:-1]:
        at = at[step]
    at[key] = at.pop(path[-1])
    return spec


MAPS = {"headers", "withoutHeaders", "queryParams", "sourceLabels", "labels", "matchLabels", "set", "add", "to", "ports", "annotations", "portLevelMtls", "customTags", "tagOverrides", "environmentVariables"}
KEYS = ["", "a b", "*", "-a", "0", "65536", "x" * 300, "a/b", "A_B", ":path", "ü"]


def mutants():
    """(kind, version, what, spec); what is "" for a base, else the path with the change."""
    for i, (kind, version, spec) in enumerate(VARIANTS):
        yield kind, version, f"variant{i} {str(spec)[:150]}", spec
    for kind, version, base in BASES:
        yield kind, version, "", base
        for path, old in places(base):
            text = ".".join(str(p) for p in path)
            yield kind, version, f"{text} gone", changed(base, path, None, delete=True)
            for value in values(old):
                if value != old or type(value) is not type(old):
                    yield kind, version, f"{text} = {str(value)[:60]!r}", changed(base, path, value)
            if len(path) > 1 and path[-2] in MAPS and isinstance(path[-1], str):
                for key in KEYS:
                    yield kind, version, f"{text} as {key[:20]!r}", renamed(base, path, key)
