"""Examples of the pages with one thing changed, as a user would change it."""
import copy
import random
import re

CLUSTER_WIDE = ("Namespace", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CustomResourceDefinition", "MeshPolicy")


def named(objects):
    """The same, with every namespace written out."""
    objects = copy.deepcopy(objects)
    for o in objects:
        if o["kind"] not in CLUSTER_WIDE:
            o["metadata"].setdefault("namespace", "default")
    return objects


def texts(value):
    """(holder, key) of every text inside."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, item in items:
        if isinstance(item, str):
            yield value, key
        else:
            yield from texts(item)


def find(objects, wanted):
    return [(holder, key) for o in objects for holder, key in texts(o.get("spec", {})) if wanted(key, holder[key])]


def is_host(key, text):
    return (key in ("host", "hosts") or isinstance(key, int)) and re.fullmatch(r"[a-z*][a-z0-9.*-]*", text) is not None


def move(r, objects):
    """One object to another namespace."""
    o = r.choice([o for o in objects if "namespace" in o["metadata"]] or objects)
    if "namespace" in o["metadata"]:
        o["metadata"]["namespace"] = r.choice(["shop", "istio-system"])


def leave_out(r, objects):
    if len(objects) > 1:
        objects.pop(r.randrange(len(objects)))


def twice(r, objects):
    """One object again, under another name."""
    o = copy.deepcopy(r.choice(objects))
    o["metadata"]["name"] += "-b"
    objects.append(o)


def other_host(r, objects):
    """A short name in full, a full name short, a name as a wildcard."""
    places = find(objects, is_host)
    if places:
        holder, key = r.choice(places)
        host = holder[key]
        holder[key] = r.choice([host.split(".")[0] or host, host if "." in host else host + ".default.svc.cluster.local", "*." + host.split(".", 1)[1] if "." in host else "*.local", host + "x"])


def export(r, objects):
    some = [o for o in objects if o["kind"] in ("VirtualService", "DestinationRule", "ServiceEntry", "Service")]
    if not some:
        return
    o = r.choice(some)
    scope = r.choice([".", "*", "shop"])
    if o["kind"] == "Service":
        o["metadata"].setdefault("annotations", {})["networking.istio.io/exportTo"] = scope
    else:
        o["spec"]["exportTo"] = [scope]


def entry(r, objects):
    """A ServiceEntry in place of a Service."""
    services = [i for i, o in enumerate(objects) if o["kind"] == "Service" and o["spec"].get("ports")]
    if not services:
        return
    i = r.choice(services)
    o = objects[i]
    name, ns = o["metadata"]["name"], o["metadata"]["namespace"]
    objects[i] = {"apiVersion": "networking.istio.io/v1beta1", "kind": "ServiceEntry", "metadata": {"name": name, "namespace": ns},
                  "spec": {"hosts": [f"{name}.{ns}.svc.cluster.local"], "ports": [{"number": p["port"], "name": p.get("name") or f"p{p['port']}", "protocol": "HTTP"} for p in o["spec"]["ports"]], "location": "MESH_INTERNAL", "resolution": "DNS"}}


def port(r, objects):
    """Another number, or one port more."""
    lists = [o["spec"]["ports"] for o in objects if o["kind"] in ("Service", "ServiceEntry") and o.get("spec", {}).get("ports")]
    if lists:
        ports = r.choice(lists)
        field = "number" if "number" in ports[0] else "port"
        more = dict(ports[0], **{field: 8181, "name": "http-more"})
        if r.random() < .5:
            ports.append(more)
        else:
            ports[0][field] = 8181


def label(r, objects):
    """A selector that selects something else."""
    places = []
    for o in objects:
        for holder in (o.get("spec", {}).get("selector"), o.get("spec", {}).get("workloadSelector")):
            for labels in (holder, (holder or {}).get("labels"), (holder or {}).get("matchLabels")):
                places += [(labels, k) for k, v in (labels or {}).items() if isinstance(v, str)]
    if places:
        holder, key = r.choice(places)
        holder[key] = r.choice(["reviews", "other", "ingressgateway"])


def revision(r, objects):
    namespaces = [o for o in objects if o["kind"] == "Namespace"]
    if namespaces:
        labels = r.choice(namespaces)["metadata"].setdefault("labels", {})
        labels.update(r.choice([{"istio.io/rev": "canary"}, {"istio-injection": "enabled"}, {"istio-injection": "disabled"}]))


def gateway(r, objects):
    services = [o for o in objects if o["kind"] == "VirtualService"]
    if services:
        r.choice(services)["spec"]["gateways"] = r.choice([["mesh"], ["web"], ["mesh", "web"], ["shop/web"], ["default/web"]])


CHANGES = [move, leave_out, twice, other_host, export, entry, port, label, revision, gateway]


def variations(name, objects, count):
    """(what it is called, objects), the same each time."""
    r = random.Random(name)
    yield f"{name}, names written out", named(objects)
    for i in range(count):
        changed = named(objects)
        done = r.sample(CHANGES, r.choice([1, 1, 2]))
        for change in done:
            change(r, changed)
        unique = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in changed}
        if changed:
            yield f"{name}, {' and '.join(c.__name__ for c in done)} ({i})", list(unique.values())
