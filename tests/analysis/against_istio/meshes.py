"""Small meshes by chance: a few objects around one subject, out of so few names that they meet.

Each is what a person could have written: most parts fit, some do not. Everything follows from the seed.
"""
import base64
import random

NAMESPACES = ["default", "shop", "istio-system"]
SERVICES = ["reviews", "ratings", "details"]
OUTSIDE = ["api.example.com", "*.example.com", "www.example.org"]


# A certificate of one day in 2020, in base 64.
EXPIRED = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJZekNDQVFtZ0F3SUJBZ0lCQWpBS0JnZ3Foa2pPUFFRREFqQWJNUmt3RndZRFZRUUREQkJ6YUc5d0xtVjQKWVcxd2JHVXVZMjl0TUI0WERUSXdNREV3TVRBd01EQXdNRm9YRFRJd01ERXdNakF3TURBd01Gb3dHekVaTUJjRwpBMVVFQXd3UWMyaHZjQzVsZUdGdGNHeGxMbU52YlRCWk1CTUdCeXFHU000OUFnRUdDQ3FHU000OUF3RUhBMElBCkJDa3NIclhFVUdMTnZBSXhjM2o2eHQxUkZSTE5QRHBuNExRQXlyRVNSdkVXL2VSM3V5NGx1SUdleWhtVlZRY1QKS2ZIVFFPVzIrQ3NJdGkxZldidmljSitqUGpBOE1Cc0dBMVVkRVFRVU1CS0NFSE5vYjNBdVpYaGhiWEJzWlM1agpiMjB3SFFZRFZSME9CQllFRklrQ1V0TS9DK1gyU3JHS0lMRUcwY0d5WTQyYU1Bb0dDQ3FHU000OUJBTUNBMGdBCk1FVUNJUUQzend6L1lYQkRHYUpURXhwc1pHOXB5UzVQb3puY3lZRThlUlNMalZsNmdRSWdNTG9aSzhXZG5XZDkKR3JNdnRJYWZySUxvZlViVHdaU0lUNWpGalkvYWhnVT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="


def damaged(certificate):
    """The same, with another first byte inside."""
    return base64.b64encode(base64.b64decode(certificate).replace(b"\nM", b"\nA", 1)).decode()


def to_yaml(value, indent=0):
    """One document in block style, so that each field has a line of its own."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        out = ""
        for key, item in value.items():
            key = quoted(key) if isinstance(key, str) else str(key)
            if isinstance(item, (dict, list)) and item:
                out += f"{pad}{key}:\n{to_yaml(item, indent + (isinstance(item, dict)))}"
            else:
                out += f"{pad}{key}: {scalar(item)}\n"
        return out
    if isinstance(value, list) and value:
        out = ""
        for item in value:
            if isinstance(item, (dict, list)) and item:
                inner = to_yaml(item, indent + 1)
                out += f"{pad}- {inner[2 * indent + 2:]}"
            else:
                out += f"{pad}- {scalar(item)}\n"
        return out
    return f"{pad}{scalar(value)}\n"


def quoted(text):
    plain = text and all(c.isalnum() or c in "-_./" for c in text) and text[0].isalpha()
    return text if plain and text.lower() not in ("y", "n", "on", "off", "yes", "no", "true", "false", "null") else '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def scalar(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    return "{}" if isinstance(value, dict) else "[]"


def documents(objects):
    return "---\n".join(to_yaml(o) for o in objects)


class Meshes:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def maybe(self, chance, value, otherwise=None):
        return value if self.r.random() < chance else otherwise

    def some(self, values, most=2):
        return self.r.sample(values, self.r.randint(1, min(most, len(values))))

    def pick(self, *values):
        return self.r.choice(values)

    def ns(self):
        return self.r.choices(NAMESPACES, [6, 3, 1])[0]

    def object(self, version, kind, name, spec, ns=None, labels=None, annotations=None, **more):
        metadata = {"name": name}
        if ns is not None:
            metadata["namespace"] = ns
        if labels:
            metadata["labels"] = labels
        if annotations:
            metadata["annotations"] = annotations
        o = {"apiVersion": version, "kind": kind, "metadata": metadata}
        if spec is not None:
            o["spec"] = spec
        o.update(more)
        return o

    def net(self, kind, name, spec, ns, **more):
        return self.object("networking.istio.io/" + self.pick("v1alpha3", "v1beta1", "v1alpha3") if kind != "EnvoyFilter" else "networking.istio.io/v1alpha3", kind, name, spec, ns, **more)

    # What Kubernetes has.

    def namespace(self, name):
        labels = self.pick({}, {}, {"istio-injection": "enabled"}, {"istio-injection": "enabled"}, {"istio-injection": "disabled"},
                           {"istio.io/rev": "canary"}, {"istio-injection": "enabled", "istio.io/rev": "canary"}, {"istio-injection": ""})
        return self.object("v1", "Namespace", name, None, labels=labels)

    def app_labels(self):
        return self.pick({"app": self.pick(*SERVICES)}, {"app": self.pick(*SERVICES), "version": self.pick("v1", "v2")},
                         {"app": self.pick(*SERVICES), "version": "v1"})

    def containers(self):
        own = {"name": "app", "image": "app:1"}
        if self.r.random() < .1:
            own["securityContext"] = {"runAsUser": self.pick(1337, 1000)}
        return [own] + self.maybe(.5, [{"name": "istio-proxy", "image": self.pick("docker.io/istio/proxyv2:1.7.3", "docker.io/istio/proxyv2:1.6.0", "docker.io/istio/proxyv2:1.7.3-distroless", "auto")}], [])

    def pod(self, name, ns=None, labels=None, **spec):
        pod = {"containers": self.containers()}
        if self.r.random() < .1:
            pod["hostNetwork"] = True
        if self.r.random() < .1:
            pod["securityContext"] = {"runAsUser": 1337}
        pod.update(spec)
        return self.object("v1", "Pod", name, pod, ns or self.ns(), labels=labels if labels is not None else self.app_labels(),
                           annotations=self.maybe(.2, {"sidecar.istio.io/inject": self.pick("true", "false", "False")}))

    def deployment(self, name, ns=None):
        """With a pod of its own: Istio looks at pods alone."""
        ns, labels, containers = ns or self.ns(), self.app_labels(), self.containers()
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
        return [self.object("apps/v1", "Deployment", name, {"selector": {"matchLabels": labels}, "template": template}, ns),
                self.object("v1", "Pod", name + "-0", {"containers": containers}, ns, labels=labels)]

    def service_port(self):
        name, number = self.pick(("http", 80), ("http-web", 8080), ("tcp", 9000), ("grpc", 9090), ("web", 8081), ("https", 443), ("mongo-db", 27017), ("HTTP", 8082), ("", 9100))
        port = {"port": number, "protocol": self.pick("TCP", "TCP", "TCP", "UDP")}
        if name:
            port["name"] = name
        if self.r.random() < .4:
            port["targetPort"] = self.pick(number, 8080, 9000, "web")
        if self.r.random() < .1:
            port["appProtocol"] = self.pick("http", "tcp", "custom", "grpc")
        return port

    def service(self, name=None, ns=None):
        spec = {"ports": [self.service_port() for _ in range(self.pick(1, 1, 2, 3))]}
        name = name or self.pick(*SERVICES)
        if self.r.random() < .85:
            spec["selector"] = {"app": name}
        if self.r.random() < .1:
            spec["type"] = "ExternalName"
            spec["externalName"] = "api.example.com"
        return self.object("v1", "Service", name, spec, ns or self.ns(), labels=self.maybe(.08, {self.pick("istio", "release"): self.pick("istio", "pilot")}),
                           annotations=self.maybe(.15, {"networking.istio.io/exportTo": self.pick(".", "*", "shop", "default, shop", "~")}))

    # What Istio has.

    def host(self, ns):
        name = self.pick(*SERVICES)
        return self.pick(name, name, name, f"{name}.{ns}.svc.cluster.local", f"{name}.{self.ns()}.svc.cluster.local", self.pick(*OUTSIDE), "store.example.com", f"{name}.{ns}")

    def export_to(self):
        return self.maybe(.25, [self.pick(".", "*", "shop", "default")])

    def with_some(self, spec, **more):
        spec.update({k: v for k, v in more.items() if v is not None})
        return spec

    def service_entry(self, name, ns=None):
        ns = ns or self.ns()
        ports = []
        for i in range(self.pick(1, 1, 2)):
            number, protocol = self.pick((443, "HTTPS"), (80, "HTTP"), (9000, "TCP"), (443, "TLS"), (27017, "MONGO"), (9001, "tcp"), (9002, "GRPC"))
            ports.append({"number": number, "name": f"p{i}", "protocol": protocol})
        spec = {"hosts": self.some(OUTSIDE + ["reviews." + ns + ".svc.cluster.local", "partner.internal"]), "location": self.pick("MESH_EXTERNAL", "MESH_INTERNAL"),
                "ports": ports, "resolution": self.pick("DNS", "NONE", "STATIC", "DNS")}
        return self.net("ServiceEntry", name, self.with_some(
            spec, addresses=self.maybe(.2, ["10.0.0.1"]), exportTo=self.export_to(), workloadSelector=self.maybe(.1, {"labels": {"app": "reviews"}})), ns)

    def destination(self, ns):
        return self.with_some({"host": self.host(ns)}, subset=self.maybe(.4, self.pick("v1", "v2")),
                              port=self.maybe(.4, {"number": self.pick(80, 443, 8080, 9000, 9090)}))

    def string_match(self):
        return self.pick({"prefix": self.pick("/", "/a", "/a/b")}, {"exact": self.pick("/a", "/login")}, {"regex": self.pick("/a.*", "/[", "/v[0-9]+", "*bad")})

    def http_match(self):
        m = {}
        if self.r.random() < .7:
            m["uri"] = self.string_match()
        if self.r.random() < .2:
            m["headers"] = {self.pick("end-user", "@request.auth.claims.role", "x-tenant", "@request.auth.claims[role]"): {"exact": self.pick("jason", "admin")}}
        if self.r.random() < .2:
            m["method"] = {"exact": self.pick("GET", "POST")}
        if self.r.random() < .1:
            m["port"] = self.pick(80, 8080)
        if self.r.random() < .1:
            m["queryParams"] = {"q": {"exact": "1"}}
        if self.r.random() < .1:
            m["sourceLabels"] = {"app": "reviews"}
        if self.r.random() < .1:
            m["name"] = self.pick("one", "two")
        if self.r.random() < .1:
            m["gateways"] = [self.pick("mesh", "web")]
        return m or {"uri": {"prefix": "/"}}

    def http_rule(self, ns):
        rule = {}
        if self.r.random() < .6:
            rule["match"] = [self.http_match() for _ in range(self.pick(1, 1, 2))]
        if self.r.random() < .1:
            rule["name"] = self.pick("first", "second")
        if self.r.random() < .1:
            rule["redirect"] = {"uri": "/new"}
        elif self.r.random() < .08:
            rule["directResponse"] = {"status": self.pick(200, 503)}
        else:
            rule["route"] = [{"destination": self.destination(ns)}]
            if self.r.random() < .15:
                rule["route"] = [{"destination": self.destination(ns), "weight": 80}, {"destination": self.destination(ns), "weight": 20}]
            if self.r.random() < .1:
                rule["mirror"] = self.destination(ns)
                if self.r.random() < .4:
                    rule["mirrorPercent"] = 50
            elif self.r.random() < .1:
                rule["mirrors"] = [{"destination": self.destination(ns), "percentage": {"value": 50}}]
        if self.r.random() < .1:
            rule["fault"] = {"delay": self.pick({"fixedDelay": "2s", "percent": 10}, {"fixedDelay": "2s", "percentage": {"value": 10}})}
        if self.r.random() < .1:
            rule["corsPolicy"] = self.pick({"allowOrigin": ["*"]}, {"allowOrigins": [{"regex": "[a"}]}, {"allowOrigins": [{"exact": "a"}]})
        return rule

    def virtual_service(self, name, ns=None):
        ns = ns or self.ns()
        spec = {"hosts": self.some([self.host(ns), self.host(ns), "shop.example.com"])}
        spec = self.with_some(spec, gateways=self.maybe(.4, self.some(["web", "mesh", "shop/web", "istio-system/web", "./web", "nowhere", "edge", "web~istio-autogenerated-k8s-gateway~http"])),
                              exportTo=self.export_to())
        protocol = self.pick("http", "http", "http", "http", "tcp", "tls")
        if protocol == "http":
            spec["http"] = [self.http_rule(ns) for _ in range(self.pick(1, 2, 3))]
        elif protocol == "tcp":
            spec["tcp"] = [self.with_some({}, match=self.maybe(.5, [{"port": self.pick(80, 443)}]), route=[{"destination": self.destination(ns)}]) for _ in range(self.pick(1, 2))]
        else:
            names = [h for h in spec["hosts"] if "." in h] or ["shop.example.com"]
            spec["hosts"] = names
            spec["tls"] = [{"match": [self.with_some({"sniHosts": [self.pick(*names)]}, port=self.maybe(.3, 443))], "route": [{"destination": self.destination(ns)}]} for _ in range(self.pick(1, 2))]
        return self.net("VirtualService", name, spec, ns)

    def tls_settings(self):
        return self.with_some({"mode": self.pick("SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "DISABLE")}, caCertificates=None)

    def client_tls(self):
        mode = self.pick("SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "DISABLE")
        tls = {"mode": mode}
        if mode == "MUTUAL":
            tls.update({"clientCertificate": "/c", "privateKey": "/k"})
        if mode in ("SIMPLE", "MUTUAL"):
            tls = self.with_some(tls, caCertificates=self.maybe(.4, "/ca"))
        return tls

    def traffic_policy(self):
        return self.with_some({}, tls=self.maybe(.4, self.client_tls()), outlierDetection=self.maybe(.2, self.pick({"consecutiveErrors": 3}, {"consecutive5xxErrors": 3})),
                              loadBalancer=self.maybe(.2, {"simple": self.pick("ROUND_ROBIN", "LEAST_CONN", "LEAST_REQUEST", "RANDOM")}),
                              portLevelSettings=self.maybe(.2, [{"port": {"number": 80}, "tls": self.client_tls()}])) or {"loadBalancer": {"simple": "RANDOM"}}

    def destination_rule(self, name, ns=None):
        ns = ns or self.ns()
        spec = {"host": self.pick(self.host(ns), self.host(ns), "*.local", f"*.{ns}.svc.cluster.local")}
        subsets = [self.with_some({"name": n, "labels": self.pick({"version": n}, {"version": n}, {"app": "reviews", "version": n}, {"release": "x"})},
                                  trafficPolicy=self.maybe(.1, self.traffic_policy())) for n in self.some(["v1", "v2"])]
        return self.net("DestinationRule", name, self.with_some(spec, trafficPolicy=self.maybe(.4, self.traffic_policy()), subsets=self.maybe(.6, subsets), exportTo=self.export_to()), ns)

    def server(self, ns):
        number, protocol = self.pick((80, "HTTP"), (443, "HTTPS"), (8080, "HTTP"), (9000, "TCP"), (443, "TLS"), (31400, "TCP"))
        server = {"port": {"number": number, "name": protocol.lower() + "-" + str(self.pick(1, 2)), "protocol": protocol},
                  "hosts": self.some(["shop.example.com", "*", "*.example.com", "default/shop.example.com", "./*", "*/*", "shop/*", f"reviews.{ns}.svc.cluster.local", "www.example.org", "*/www.example.org"])}
        if protocol in ("HTTPS", "TLS"):
            server["tls"] = self.pick({"mode": "SIMPLE", "credentialName": self.pick("cert", "other-cert")}, {"mode": "SIMPLE", "serverCertificate": self.pick("/a", "/b"), "privateKey": "/k"},
                                      {"mode": "PASSTHROUGH"}, {"mode": "SIMPLE", "credentialName": "cert"})
            if self.r.random() < .15:
                server["tls"]["cipherSuites"] = self.some(["ECDHE-RSA-AES128-GCM-SHA256", "NONE", "AES128-SHA"])
        elif self.r.random() < .1:
            server["tls"] = {"httpsRedirect": True}
        if self.r.random() < .1:
            server["bind"] = "10.1.1.1"
        return server

    def gateway(self, name, ns=None):
        ns = ns or self.ns()
        servers, seen = [], set()
        for _ in range(self.pick(1, 1, 2)):
            server = self.server(ns)
            if server["port"]["name"] not in seen and server["port"]["number"] not in seen:
                seen |= {server["port"]["name"], server["port"]["number"]}
                servers.append(server)
        return self.net("Gateway", name, {"selector": self.pick({"istio": "ingressgateway"}, {"istio": "ingressgateway"}, {"app": "edge"}, {"app": "edge", "tier": "front"}), "servers": servers}, ns)

    def edge(self):
        labels = self.pick({"app": "edge"}, {"app": "edge", "tier": "front"})
        ports = [{"port": p, "name": f"http-{p}", "protocol": self.pick("TCP", "TCP", "UDP"), **self.pick({}, {"targetPort": t}, {"targetPort": "web"})} for p, t in self.some([(80, 8080), (443, 8443), (9000, 9000)], 3)]
        return [self.object("v1", "Pod", "edge", {"containers": [{"name": "istio-proxy", "image": "proxy"}]}, "istio-system", labels=labels),
                self.object("v1", "Service", "edge", {"selector": {"app": "edge"}, "ports": ports}, "istio-system")]

    def sidecar(self, name, ns=None):
        ns = ns or self.ns()
        return self.net("Sidecar", name, self.with_some({"egress": [{"hosts": self.some(["./*", "*/*", "istio-system/*", "shop/reviews.shop.svc.cluster.local"])}]},
                                                        workloadSelector=self.maybe(.6, {"labels": self.app_labels()}),
                                                        outboundTrafficPolicy=self.maybe(.1, {"mode": "REGISTRY_ONLY", "egressProxy": {"host": "egress.istio-system.svc.cluster.local", "port": {"number": 80}}})), ns)

    def telemetry(self, name, ns=None):
        ns = ns or self.ns()
        logging = self.pick(None, [{}], [{"providers": [{"name": "envoy"}]}], [{"disabled": True}], [{"disabled": False}])
        return self.object("telemetry.istio.io/" + self.pick("v1alpha1", "v1"), "Telemetry", name,
                           self.with_some({}, selector=self.maybe(.6, {"matchLabels": self.app_labels()}), accessLogging=logging) or {"tracing": [{"disableSpanReporting": True}]}, ns)

    def patch(self):
        apply_to = self.pick("HTTP_FILTER", "NETWORK_FILTER", "VIRTUAL_HOST", "HTTP_ROUTE", "ROUTE_CONFIGURATION", "CLUSTER", "LISTENER")
        operation = self.pick("ADD", "REMOVE", "REPLACE", "INSERT_BEFORE", "INSERT_AFTER", "MERGE", "INSERT_FIRST")
        match = {"context": self.pick("ANY", "GATEWAY", "SIDECAR_INBOUND")}
        if apply_to in ("HTTP_FILTER", "NETWORK_FILTER"):
            match["listener"] = {"filterChain": {"filter": {"name": self.pick("envoy.filters.network.http_connection_manager", "envoy.filters.network.tcp_proxy")}}}
        if self.r.random() < .4:
            match["proxy"] = {"proxyVersion": "^1\\.7.*"}
        patch = {"operation": operation}
        if operation != "REMOVE":
            patch["value"] = self.pick({"name": self.pick("envoy.filters.http.lua", "envoy.filters.http.fault")}, {"priority": 1})
        return {"applyTo": apply_to, "match": match, "patch": patch}

    def envoy_filter(self, name, ns=None):
        return self.net("EnvoyFilter", name, self.with_some({"configPatches": [self.patch() for _ in range(self.pick(1, 2))]}, priority=self.maybe(.2, 10),
                                                            workloadSelector=self.maybe(.8, {"labels": {"app": "reviews"}})), ns or self.ns())

    def authorization_policy(self, name, ns=None):
        source = self.pick({"namespaces": self.some(["default", "shop", "gone", "sh*", "*ault", "*", "x*"])}, {"notNamespaces": [self.pick("gone", "shop")]}, {"principals": ["*"]}, {"requestPrincipals": ["*"]})
        return self.object("security.istio.io/" + self.pick("v1beta1", "v1"), "AuthorizationPolicy", name,
                           self.with_some({"action": self.pick("ALLOW", "DENY"), "rules": [self.with_some({"from": [{"source": source}]}, to=self.maybe(.3, [{"operation": self.pick({"methods": ["GET"]}, {"methods": ["GET"], "ports": ["80"]}, {"ports": ["80"]})}]))]}, selector=self.maybe(.6, {"matchLabels": self.app_labels()})), ns or self.ns())

    def request_authentication(self, name, ns=None):
        return self.object("security.istio.io/v1beta1", "RequestAuthentication", name,
                           self.with_some({"jwtRules": [{"issuer": "a", "jwks": "{\"keys\":[]}"}]}, selector=self.maybe(.7, {"matchLabels": self.pick({"istio": "ingressgateway"}, {"app": "edge"})})), self.pick("default", "istio-system"))

    def webhook(self, name, i):
        client = self.pick({"service": {"name": self.pick("istiod", "istiod-canary"), "namespace": "istio-system"}},
                           {"url": self.pick("https://istiod.example.com:15017/inject", "https://10.0.0.1:15017/inject", "https://[2001:db8::1]:15017", "not a url", "istiod.example.com", "https://istiod example.com", "https://a:port/x", "http://", ":15017/x", "10.0.0.1:15017/inject", "https:///inject")}, {})
        selector = lambda key, value: self.pick(None, {"matchLabels": {key: value}}, {"matchExpressions": [{"key": "istio.io/rev", "operator": self.pick("In", "NotIn"), "values": ["canary"]}]},
                                                {"matchExpressions": [{"key": key, "operator": self.pick("Exists", "DoesNotExist")}]}, {"matchLabels": {"istio.io/rev": self.pick("canary", "stable")}},
                                                {"matchExpressions": [{"key": key, "operator": "NotIn", "values": ["false", "disabled"]}]})
        return self.with_some({"name": self.pick(f"w{i}.sidecar-injector.istio.io", f"w{i}.istio.io", f"w{i}.example.com"), "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"]},
                              namespaceSelector=selector("istio-injection", "enabled"), objectSelector=selector("sidecar.istio.io/inject", "true"))

    def webhooks(self):
        kind = self.pick("MutatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
        name = self.pick("istio-sidecar-injector", "istio-sidecar-injector-canary", "istio-sidecar-injector-external-istiod", "other") if kind[0] == "M" else \
            self.pick("istiod-default-validator", "istio-validator-istio-system", "istio-validator-external-istiod", "istio-x-external", "other")
        return self.object("admissionregistration.k8s.io/v1", kind, name, None, labels=self.maybe(.4, {"istio.io/rev": self.pick("canary", "default")}),
                           webhooks=[self.webhook(name, i) for i in range(self.pick(1, 2))])

    def injector(self):
        values = '{"global":{"hub":"docker.io/istio","tag":"1.7.3","proxy":{"image":"proxyv2"}},"sidecarInjectorWebhook":{"enableNamespacesByDefault":%s}}' % self.pick("true", "false", "false")
        return self.object("v1", "ConfigMap", self.pick("istio-sidecar-injector", "istio-sidecar-injector", "istio-sidecar-injector-canary"), None, "istio-system", data={"values": values})

    def secret(self, certificate):
        data = self.pick({"tls.crt": certificate, "tls.key": "a2V5"}, {"cert": certificate, "key": "a2V5"}, {"tls.crt": certificate}, {"tls.crt": "Z2FyYmFnZQ==", "tls.key": "a2V5"}, {"tls.crt": "", "tls.key": ""}, {"ca.crt": certificate},
                         {"tls.crt": damaged(certificate), "tls.key": "a2V5"}, {"tls.crt": EXPIRED, "tls.key": "a2V5"})
        return self.object("v1", "Secret", self.pick("cert", "other-cert"), None, self.pick("istio-system", "istio-system", "default"), data=data)

    def annotations(self):
        known = {"sidecar.istio.io/inject": ["true", "x"], "sidecar.istio.io/interceptionMode": ["REDIRECT", "TPROXY", "NONE", "other", ""], "status.sidecar.istio.io/port": ["15020", "-1", "70000", "x"],
                 "readiness.status.sidecar.istio.io/periodSeconds": ["5", "-5", "x", "4294967296"], "traffic.sidecar.istio.io/includeOutboundIPRanges": ["*", "10.0.0.0/8", "10.0.0.0/8,x", "", "10.0.0.1"],
                 "traffic.sidecar.istio.io/excludeOutboundIPRanges": ["10.0.0.0/8", "*", "x", ""], "traffic.sidecar.istio.io/includeInboundPorts": ["*", "80,443", "", "http", "80, 443", "65536"],
                 "traffic.sidecar.istio.io/excludeInboundPorts": ["80", "*", "", "x", "80,x", "0"], "traffic.sidecar.istio.io/excludeOutboundPorts": ["80", "*", "x", "-1"],
                 "traffic.sidecar.istio.io/includeOutboundPorts": ["80", "x"], "prometheus.istio.io/merge-metrics": ["true", "yes", "1", ""], "sidecar.istio.io/proxyCPU": ["100m", "x", ""],
                 "sidecar.istio.io/proxyMemory": ["1Gi", "1QQ", "-1"], "sidecar.istio.io/proxyCPULimit": ["2", "2.5.1"], "proxy.istio.io/config": ["concurrency: 2", "concurrency: x", "nothing: 1", "", "drainDuration: 0s", "tracing: {}"],
                 "sidecar.istio.io/logLevel": ["debug", "x"], "sidecar.istio.io/rewriteAppHTTPProbers": ["true", "x"], "networking.istio.io/exportTo": [".", "*"], "sidecar.istio.io/nonesuch": ["1"],
                 "traffic.sidecar.istio.io/kubevirtInterfaces": ["eth0", "a,b"], "traffic.sidecar.istio.io/excludeInterfaces": ["eth0", "a b", ""], "istio.io/reroute-virtual-interfaces": ["eth0", ","],
                 "sidecar.istio.io/statsInclusionPrefixes": ["a"], "sidecar.istio.io/discoveryAddress": ["a:1"], "sidecar.istio.io/status": ["x"], "istio.io/rev": ["canary"], "ambient.istio.io/redirection": ["enabled"],
                 "sidecar.istio.io/nativeSidecar": ["true"], "sidecar.istio.io/extraStatTags": ["a"], "inject.istio.io/templates": ["sidecar"], "example.com/x": ["y"], "kubernetes.io/ingress.class": ["istio"],
                 "topology.istio.io/controlPlaneClusters": ["a"], "networking.istio.io/traffic-distribution": ["PreferClose"], "galley.istio.io/analyze-suppress": ["IST0107", "IST0108, IST0107", "IST0107,IST0135", "*"]}
        return {k: self.pick(*known[k]) for k in self.some(list(known), 3)}

    def annotated(self, i):
        o = self.pick(lambda: self.pod(f"p{i}"), lambda: self.service(f"s{i}"), lambda: self.namespace(f"n{i}"), lambda: self.deployment(f"d{i}")[0])()
        o["metadata"]["annotations"] = self.annotations()
        if self.r.random() < .2:
            o["metadata"].setdefault("labels", {})["sidecar.istio.io/inject"] = "true"
        return o

    # The subjects.

    def routing(self):
        return [self.service(), self.service(), self.pod("p"), self.service_entry("e")] + [self.virtual_service(n) for n in self.some(["a", "b", "c"], 3)] + [self.destination_rule(n) for n in self.some(["a", "b"])]

    def gateways(self, certificate):
        return self.maybe(.6, self.edge(), []) + [self.gateway(n) for n in self.some(["web", "edge", "third"], 3)] + [self.secret(certificate)] + \
            self.maybe(.7, [self.virtual_service("a")], []) + self.maybe(.3, [self.request_authentication("tokens")], []) + [self.service()]

    def selectors(self):
        return [self.namespace(n) for n in NAMESPACES[:2]] + [self.pod(f"p{i}") for i in range(2)] + [self.sidecar(n) for n in self.some(["a", "b", "c"], 3)] + [self.telemetry(n) for n in self.some(["a", "b", "c"], 3)] + \
            [self.authorization_policy("a")]

    def filters(self):
        return [self.envoy_filter(n) for n in self.some(["a", "b", "c"], 3)]

    def injection(self):
        return [self.namespace(n) for n in NAMESPACES[:2]] + [self.pod(f"p{i}") for i in range(2)] + self.maybe(.7, [self.injector()], []) + self.maybe(.4, [self.webhooks()], []) + self.deployment("d")

    def hooks(self):
        hooks = {}
        for _ in range(self.pick(1, 2, 2)):
            o = self.webhooks()
            hooks[o["kind"] + o["metadata"]["name"]] = o
        return list(hooks.values()) + self.maybe(.5, [self.object("v1", "Service", "istiod", {"ports": [{"port": 443, "name": "https", "protocol": "TCP"}]}, "istio-system")], [])

    def deployments(self):
        return [self.namespace("default")] + self.deployment("reviews", "default") + [self.service(ns="default") for _ in range(3)]

    def annotated_objects(self):
        return [self.annotated(i) for i in range(3)]

    def services(self):
        return [self.service() for _ in range(3)] + [self.service_entry(n) for n in self.some(["a", "b", "c"], 3)]

    def mesh(self, certificate):
        subject = self.pick("routing", "routing", "routing", "gateways", "gateways", "selectors", "filters", "injection", "hooks", "deployments", "annotated_objects", "services")
        objects = self.gateways(certificate) if subject == "gateways" else getattr(self, subject)()
        unique = {}
        for o in objects:
            unique[(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"])] = o
        return subject, list(unique.values())
