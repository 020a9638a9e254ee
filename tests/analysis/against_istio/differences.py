"""Where our findings are meant to be others than those of Istio's analyzers of 2026: one line each, with the reason.

(code, side, applies, reason): side is "ours" or "theirs", whose finding the other has not, or "level"; applies(finding, mesh) says
whether the line is about it. A code that Istio 1.7.3 has is judged as it does; later ones as the newer Istio does.
"""


def always(finding, mesh):
    return True


def namespace_is_not_asked_about(finding, mesh):
    return mesh.ns is not None and finding["kind"] == "Namespace" and finding["name"] != mesh.ns


def spec(finding, mesh):
    return mesh.find(finding).get("spec", {})


def wildcard_host(finding, mesh):
    return spec(finding, mesh).get("host", "").startswith("*")


def dot_gateway(finding, mesh):
    return any(g.startswith("./") for o in mesh.of("VirtualService") for g in o["spec"].get("gateways", []))


def scoped_hosts(finding, mesh):
    return any("/" in h for o in mesh.of("Gateway") for server in o["spec"]["servers"] for h in server["hosts"])


def exports(finding, mesh):
    return "xportTo" in mesh.text


DIFFERENCES = [
    # Of the newer Istio's own ways.
    ("*", "ours", namespace_is_not_asked_about, "istioctl reports on one namespace; a Namespace counts as in itself"),
    ("IST0151", "ours", lambda f, m: m.count("EnvoyFilter") > 1, "Istio looks at EnvoyFilters in any order, ours by name: which is earlier decides between IST0151 and IST0155"),
    ("IST0151", "theirs", lambda f, m: m.count("EnvoyFilter") > 1, "the same"),
    ("IST0155", "ours", lambda f, m: m.count("EnvoyFilter") > 1, "the same"),
    ("IST0155", "theirs", lambda f, m: m.count("EnvoyFilter") > 1, "the same"),
    ("IST0148", "theirs", lambda f, m: all(o["metadata"]["namespace"] != "istio-system" for o in m.of("ConfigMap")), "Istio takes a ConfigMap of that name for the injector's in any namespace"),
    ("IST0102", "ours", lambda f, m: all(o["metadata"]["namespace"] != "istio-system" for o in m.of("ConfigMap")), "the same"),
    ("IST0158", "theirs", lambda f, m: all(o["metadata"]["namespace"] != "istio-system" for o in m.of("ConfigMap")), "the same"),
    ("IST0148", "theirs", lambda f, m: m.count("Namespace") > 1, "Istio carries the injector of one revision over to the next namespace it looks at"),
    ("IST0102", "ours", lambda f, m: m.count("Namespace") > 1 and m.has("ConfigMap"), "the same"),
    # Codes whose meaning is 1.7.3's.
    ("IST0102", "level", always, "a warning in 1.7.3, information later"),
    ("IST0123", "ours", lambda f, m: "istio-injection: disabled" in m.text or 'istio-injection: ""' in m.text, "1.7.3 says it of any value of istio-injection"),
    ("IST0128", "level", always, "an error in 1.7.3, a warning later"),
    ("IST0129", "level", always, "an error in 1.7.3, a warning later"),
    ("IST0103", "ours", lambda f, m: "istio.io/rev:" in m.text, "1.7.3 looks into namespaces with istio.io/rev too"),
    ("IST0103", "theirs", lambda f, m: "istio.io/rev:" in m.text, "1.7.3 says IST0123 of a namespace with both labels and no more"),
    ("IST0103", "theirs", lambda f, m: "name: istio-proxy" in m.text, "a container of the proxy's name is the proxy, with or without an image"),
    ("IST0104", "ours", always, "1.7.3 says it beside what is IST0162 now"),
    ("IST0105", "ours", always, "1.7.3 says it of each pod, later versions IST0158 of the namespace"),
    ("IST0117", "ours", always, "given up later"),
    ("IST0118", "theirs", lambda f, m: f["namespace"] == "istio-system", "1.7.3 leaves out system namespaces"),
    ("IST0122", "ours", always, "IST0106 later"),
    ("IST0113", "ours", always, "given up later"),
    ("IST0114", "ours", always, "given up later"),
    ("IST0115", "ours", always, "given up later"),
    ("IST0119", "ours", always, "given up later"),
    ("IST0120", "ours", always, "given up later"),
    ("IST0121", "ours", always, "given up later"),
    ("IST0126", "ours", always, "later versions read no MeshNetworks out of a ConfigMap in a file"),
    ("IST0106", "ours", lambda f, m: "hosts is missing" in f["message"], "delegates are off in 1.7.3, so that a VirtualService needs hosts where nothing delegates to it"),
    ("IST0109", "theirs", lambda f, m: len(set(f["message"].split(" ")[2].split(","))) == 1, "one VirtualService that names a host twice is IST0106, and in no conflict with itself"),
    ("IST0109", "theirs", lambda f, m: any("exportTo" in o["spec"] for o in m.of("VirtualService")), "in 1.7.3 what is for one namespace is in no conflict with what is for all"),
    ("IST0127", "theirs", lambda f, m: all(o["metadata"]["name"] != f["namespace"] for o in m.of("Namespace")), "1.7.3 takes pods of a namespace that is not in the input for pods of the mesh"),
    ("IST0101", "ours", exports, "1.7.3 asks what the namespace of the VirtualService sees, later versions what those see that it is exported to"),
    ("IST0101", "theirs", exports, "the same"),
    ("IST0112", "ours", exports, "the same"),
    ("IST0112", "theirs", exports, "the same"),
    ("IST0116", "ours", lambda f, m: "istio.io/rev:" in m.text, "1.7.3 takes namespaces with istio.io/rev for parts of the mesh"),
    ("IST0137", "ours", lambda f, m: "istio.io/rev:" in m.text, "the same"),
    ("IST0127", "theirs", lambda f, m: m.has("Deployment"), "a Deployment stands for its pods"),
    ("IST0127", "theirs", lambda f, m: "istio.io/rev:" in m.text, "the same"),
    ("IST0125", "ours", lambda f, m: "proxy.istio.io/config" in f["message"], "1.7.3 takes no unknown fields"),
    ("IST0125", "ours", lambda f, m: 'must be "true" or "false"' in f["message"], "what is neither is ignored, which nobody wants"),
    # What is said otherwise, or once.
    ("IST0133", "theirs", lambda f, m: "addresses are required for ports serving TCP" in f["message"], "IST0134 says it"),
    ("IST0133", "ours", lambda f, m: "corsPolicy.allowOrigin has been replaced" in f["message"], "said by versions in between"),
    ("IST0133", "ours", lambda f, m: "consecutiveErrors has been replaced" in f["message"], "Istio forgets the policies of subsets"),
    ("IST0177", "theirs", always, "MSH0126 here"),
    # What the facts are.
    ("IST0101", "theirs", lambda f, m: f["message"].startswith("Referenced gateway") and dot_gateway(f, m), "./ is the object's own namespace"),
    ("IST0132", "theirs", dot_gateway, "the same"),
    ("IST0132", "theirs", lambda f, m: not spec(f, m).get("hosts"), "a VirtualService without hosts is IST0106"),
    ("IST0149", "ours", dot_gateway, "the same"),
    ("IST0132", "theirs", lambda f, m: any("." not in h for h in spec(f, m).get("hosts", [])), "a short name is that of the namespace's service"),
    ("IST0101", "theirs", lambda f, m: "+" in f["message"] and ".svc." not in f["message"], "the DestinationRule of a host outside may be in another namespace"),
    ("IST0145", "ours", scoped_hosts, "the namespaces of hosts are written out: */* is *, and ./* that of the Gateway"),
    ("IST0145", "theirs", scoped_hosts, "the same"),
    ("IST0107", "theirs", lambda f, m: "analyze-suppress" in m.text, "spaces in galley.istio.io/analyze-suppress do not matter here"),
    ("IST0131", "ours", lambda f, m: "takes its requests" in f["message"], "Istio takes a match without method for one of GET"),
    ("IST0131", "theirs", always, "Istio overlooks sourceLabels, gateways and the like, and takes a match without method for one of GET"),
    ("IST0140", "ours", always, "hosts are compared by their full names"),
    ("IST0140", "theirs", always, "no VirtualService passes by its own rules, nor where the subset is the whole service; hosts are compared by their full names"),
    ("IST0146", "theirs", lambda f, m: not any(w["name"].endswith("istio.io") for o in m.of("MutatingWebhookConfiguration") for w in o["webhooks"]), "without a webhook in the input the labels of the namespace have the word"),
    ("IST0161", "theirs", lambda f, m: "stringData" in m.text, "Istio does not read stringData"),
    ("IST0162", "ours", lambda f, m: any("selector" not in o.get("spec", {}) for o in m.of("Service")), "a service without selector selects nothing"),
    ("IST0162", "theirs", lambda f, m: "protocol: TCP" not in m.text, "a port without protocol is TCP, as Kubernetes sets it"),
    ("IST0173", "theirs", lambda f, m: m.has("Deployment"), "a Deployment stands for its pods"),
    ("IST0173", "theirs", lambda f, m: m.has("ServiceEntry") or any("selector" not in o.get("spec", {}) for o in m.of("Service")), "of what selects no pods the endpoints are not known, or are listed"),
    ("IST0173", "theirs", lambda f, m: len(spec(f, m).get("subsets", [])) > 1, "an empty subset that no route names, beside one that is not empty, is for later"),
    ("IST0173", "ours", always, "Istio takes pods that the service does not select, and of other namespaces, for its own"),
    ("IST0173", "theirs", lambda f, m: wildcard_host(f, m), "which service a wildcard is about is not known"),
    ("IST0174", "theirs", lambda f, m: "*" in spec(f, m).get("exportTo", []), "what is for all is for its own namespace too"),
    ("IST0174", "ours", exports, "a rule is of use to those namespaces that it is for; Istio looks for wildcards in its own"),
    ("IST0174", "theirs", lambda f, m: wildcard_host(f, m), "a wildcard is about the services within it; Istio looks for one of that name"),
]

# The same for verdicts on single objects: (kind, the change, side, reason, what it says), regular
# expressions but for side, which is who refuses alone.
VERDICTS = [
    # Numbers and texts as they are read.
    (".*", r" = '?\d+'?$", "ours", "a number that no value of the enum has, which Istio keeps and ignores", "is no value of this field"),
    ("VirtualService", r"body\.bytes = ", "theirs", "base 64 may have spaces, and the letters of URLs", "illegal base64"),
    (".*", r"= '10000000000", "theirs", "Istio's number is smaller", "cannot unmarshal number"),
    # Fields of 1.7.3, judged as there.
    ("VirtualService", r"(authority|scheme|method)\.regex = ''|[hH]eaders\.x-.\.(prefix|regex) = ''", "theirs", "1.7.3 takes an empty text to match", "should not be empty"),
    ("VirtualService", "[hH]eaders|variant", "theirs", "1.7.3 takes any name of a header that is not empty", "is not a valid header name|cannot have \":\" prefix"),
    ("VirtualService", "sourceNamespace", "theirs", "1.7.3 does not look at it", "sourceNamespace match"),
    ("VirtualService", r"mirrorPercentage\.value", "theirs", "1.7.3 looks at the upper bound alone", "min value of 0"),
    ("VirtualService", "hosts", "ours", "delegates are off in 1.7.3", "hosts is missing"),
    ("VirtualService", "route|weight", "ours", "weights are percentages in 1.7.3", "the weights add up|is not a percentage"),
    ("VirtualService", "sniHosts", "ours", "1.7.3 has addresses among the hosts", "is none of the hosts"),
    ("VirtualService", "delegate", "ours", "delegates are for gateways in 1.7.3", "works at gateways only"),
    ("VirtualService", "authority", "theirs", "1.7.3 does not look where else the authority is set", "authority header cannot be set multiple times"),
    ("VirtualService", "fault", "ours", "1.7.3 has no aborts by gRPC's status", "is not supported; use httpStatus"),
    ("DestinationRule", "tcpKeepalive", "theirs", "1.7.3 does not look at it", "duration must be greater"),
    ("DestinationRule", "subsets", "theirs", "1.7.3 takes a subset twice (MSH0105 says so)", "duplicate subset names"),
    ("DestinationRule", r"httpCookie\.ttl gone", "ours", "1.7.3 wants a ttl", "needs a ttl"),
    ("DestinationRule", r"distribute\.0\.to\.", "ours", "Istio's verdict depends on the order in which it goes through a map", "overlaps with another"),
    ("DestinationRule", r"distribute\.0\.to\.", "theirs", "the same", ""),
    ("DestinationRule", r"localityLbSetting\.failover\.0", "theirs", "1.7.3 looks for * in `to` alone", "locality lb failover"),
    ("DestinationRule", "configmap", "theirs", "the name of a credential is any name in 1.7.3", "configmap"),
    ("Gateway", r"port(\.number)?", "theirs", "1.7.3 does not look at it", "port number 0"),
    ("Gateway", "bind", "theirs", "1.7.3 does not look at it", "is not a valid IP|must be 0 for unix"),
    ("Gateway", r"tls\.mode", "theirs", "1.7.3 does not look at it", "ISTIO_MUTUAL TLS cannot have associated credentialName"),
    ("ServiceEntry|WorkloadEntry", "address", "ours", "workloads without an address came later", "is not an IP address|address is missing"),
    ("WorkloadEntry", "address", "theirs", "1.7.3 does not look at it", "is not a valid FQDN"),
    ("WorkloadEntry", "ports", "theirs", "1.7.3 does not look at it", "must be in the range|invalid port name"),
    ("WorkloadGroup", "variant", "theirs", "the API has probes by gRPC, and Istio's validation forgets them", "unknown health check method"),
    ("Sidecar", "defaultEndpoint", "ours", "1.7.3 wants one", "is missing"),
    ("Sidecar", "egress", "ours", "1.7.3 wants one", "egress is missing"),
    ("EnvoyFilter", r"patch\.value", "theirs", "what a patch holds is looked at as far as the names of its types", ""),
    ("PeerAuthentication", "portLevelMtls", "theirs", "1.7.3 looks for port 0 alone", "port must be in range"),
    ("RequestAuthentication", "issuer", "ours", "1.7.3 wants one", "issuer is missing"),
    ("RequestAuthentication", "jwks", "theirs", "1.7.3 does not look into it (MSH0131 does)", "jwks parse error"),
    ("AuthorizationPolicy", r"(from|to)(\.0 gone| = '\[\]')", "ours", "an empty list is written out in 1.7.3", "is empty"),
    ("AuthorizationPolicy", r"rules( = '\[\]'|\.0 gone)", "theirs", "an empty list is written out in 1.7.3", "DENY action without"),
    ("AuthorizationPolicy", "source.trustDomain", "ours", "no proxy of ours looks at it: refused, so that nobody relies on it", "is no attribute"),
    ("Telemetry", "filter", "theirs", "expressions are Envoy's to read", "must be a valid CEL expression"),
]
