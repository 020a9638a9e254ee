// A world made out of the one before says what one made from nothing says.
#include "mesh/translate/world.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/config/read.h"
#include "mesh/config/store.h"
#include "mesh/translate/findings.h"
#include "mesh/translate/index.h"
#include "mesh/translate/translate.h"

namespace mesh::translate {
namespace {

// Files that come, change and go; few names, so that they mean each other.
class Edits {
 public:
  config::SnapshotPtr Next() {
    config::SourceUpdate update;
    // Now and then many at once, so that most of it is other objects.
    for (int files = Below(12) == 0 ? 25 : 1; files > 0; --files) {
      config::Unit unit;
      unit.name = absl::StrCat("f", Below(60), ".yaml");
      if (Below(6) == 0) {
        unit.state = config::Unit::State::kGone;
      } else {
        unit.content = config::ReadYaml(unit.name, Object());
        EXPECT_TRUE(unit.content.errors.empty()) << unit.content.errors[0].ToString();
      }
      update.units.push_back(std::move(unit));
    }
    return store_.Apply(std::move(update)).snapshot;
  }

 private:
  int Below(int below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % below;
  }
  std::string Any(std::vector<std::string> of) { return of[Below(of.size())]; }
  std::string Host() {
    return Any({"reviews", "ratings", "reviews.a.svc.cluster.local", "web.example.com"});
  }
  std::string Head(const std::string& api, const std::string& kind) {
    return absl::StrCat("apiVersion: ", api, "\nkind: ", kind,
                        "\nmetadata:\n  name: ", Any({"x", "w", "z", "x-1"}),
                        "\n  namespace: ", Any({"a", "b", "istio-system"}),
                        "\n  creationTimestamp: 2026-01-0", 1 + Below(3), "T00:00:00Z\n");
  }
  std::string Exports() { return Any({"", "", "  exportTo: [\".\"]\n", "  exportTo: [b]\n"}); }
  std::string VirtualService() {
    const std::string net = "networking.istio.io/v1";
    if (Below(3) == 0) {
      return absl::StrCat(Head(net, "VirtualService"), "spec:\n", Exports(),
                          "  http:\n  - match: [{uri: {prefix: ", Any({"/x", "/x/y", "/q"}),
                          "}}]\n    route: [{destination: {host: ", Host(), "}}]\n");
    }
    const bool delegates = Below(2) == 0;
    return absl::StrCat(
        Head(net, "VirtualService"), "spec:\n  hosts: [", Host(), "]\n", Exports(),
        Below(3) == 0 ? "" : absl::StrCat("  gateways: [", Any({"x", "a/w", "mesh, a/x"}), "]\n"),
        "  http:\n  - match: [{uri: {prefix: /x}}]\n",
        delegates ? absl::StrCat("    delegate: {name: ", Any({"x", "w", "z"}),
                                 Any({"", ", namespace: a"}), "}\n")
                  : absl::StrCat("    route: [{destination: {host: ", Host(),
                                 ", subset: ", Any({"v1", "v2"}), "}}]\n"),
        "  - route: [{destination: {host: ", Host(), "}}]\n");
  }
  std::string Object() {
    const std::string net = "networking.istio.io/v1";
    switch (Below(18)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return VirtualService();
      case 6:
      case 7:
      case 8:
      case 9:
        return absl::StrCat(Head(net, "DestinationRule"),
                            "spec:\n  host: ", Any({Host(), "\"*.local\"", "\"*\""}), "\n",
                            Exports(), Any({"", "  trafficPolicy: {tls: {mode: SIMPLE}}\n"}),
                            "  subsets: [{name: ", Any({"v1", "v2"}), ", labels: {version: v1}",
                            Any({"", "", ", trafficPolicy: {tls: {mode: SIMPLE}}"}), "}]\n");
      case 10:
        return absl::StrCat(Head(net, "Gateway"), "spec:\n  selector: {app: ", Any({"gw", "none"}),
                            "}\n  servers:\n  - hosts: [\"*.com\"]\n    port: {number: ",
                            Any({"80", "81"}), ", name: p, protocol: ", Any({"HTTP", "TCP", "TLS"}),
                            "}\n", Any({"", "", "    tls: {mode: PASSTHROUGH}\n"}));
      case 11:
        return absl::StrCat(Head(net, "Sidecar"), "spec:\n",
                            Any({"", "  workloadSelector: {labels: {app: web}}\n"}),
                            "  egress: [{hosts: [", Any({"\"./*\"", "\"*/*\""}), "]}]\n");
      case 12:
        return absl::StrCat(Head("security.istio.io/v1", "PeerAuthentication"),
                            "spec:\n  mtls: {mode: ", Any({"STRICT", "DISABLE"}), "}\n");
      case 13:
        return absl::StrCat(Head("security.istio.io/v1", "AuthorizationPolicy"),
                            "spec:\n  rules: [{from: [{source: {namespaces: [", Any({"a", "q"}),
                            "]}}]}]\n");
      case 14:
      case 15:
        return absl::StrCat(Head(net, "ServiceEntry"), "spec:\n  hosts: [",
                            Any({"web.example.com", "db.example.com"}), "]\n",
                            Any({"", "  addresses: [10.1.1.1]\n"}),
                            "  resolution: ", Any({"DNS", "STATIC"}), "\n",
                            Any({"", "  workloadSelector: {labels: {app: web}}\n"}),
                            "  ports: [{number: ", Any({"80", "3306"}),
                            ", name: p, protocol: ", Any({"HTTP", "TCP", "MYSQL", "TLS"}), "}]\n");
      case 16:
        return absl::StrCat("apiVersion: v1\nkind: Pod\nmetadata:\n  name: ", Any({"p1", "p2"}),
                            "\n  namespace: ", Any({"a", "b"}),
                            "\n  labels: {app: ", Any({"web", "gw"}),
                            "}\nspec: {containers: [{name: c}]}\n");
      default:
        return absl::StrCat("apiVersion: v1\nkind: Service\nmetadata:\n  name: ",
                            Any({"reviews", "ratings"}), "\n  namespace: ", Any({"a", "b"}),
                            "\nspec:\n  selector: {app: web}\n  ports: [{port: ", Any({"80", "81"}),
                            ", name: http}]\n");
    }
  }

  uint64_t state_ = 11;
  config::Store store_{
      config::Store::Options{[](const config::Resource&) { return std::vector<FieldError>(); }}};
};

void Print(const std::vector<ResourcePtr>& resources, std::string* text) {
  for (const ResourcePtr& resource : resources) {
    absl::StrAppend(text, Absl(resource->type_url), " ", resource->name, " ", resource->version,
                    "\n");
    for (const auto& [path, origin] : resource->provenance) {
      absl::StrAppend(text, "  ", path, " ", origin.object, " ", origin.field, " ",
                      origin.position.ToString(), "\n");
    }
  }
}

void Print(const std::vector<Finding>& findings, std::string* text) {
  std::multiset<std::string> sorted;
  for (const Finding& finding : findings) sorted.insert(finding.ToString());
  for (const std::string& finding : sorted) absl::StrAppend(text, finding, "\n");
}

// What can be found without making anything is what is found while making it.
void ExpectSameFindings(const World& world, const Node& node, const Output& output) {
  const auto texts = [](const std::vector<Finding>& findings) {
    std::set<std::string> sorted;
    for (const Finding& finding : findings) sorted.insert(finding.ToString());
    return sorted;
  };
  std::set<std::string> found = texts(FindingsFor(world, node));
  found.merge(texts(FindingsOf(world)));
  EXPECT_EQ(found, texts(output.findings)) << node.ns << "/" << node.name;
}

// All that every proxy is sent, where it comes from, and what was left out.
std::string Print(const World& world, std::set<std::string>* codes = nullptr) {
  std::string text;
  Print(FindingsOf(world), &text);
  Node gateway;
  gateway.type = NodeType::kRouter;
  gateway.ns = "a";
  gateway.labels = {{"app", "gw"}};
  std::vector<Node> nodes = {gateway};
  for (const std::string& pod : world.Pods()) nodes.push_back(*world.NodeOf(pod));
  for (const Node& node : nodes) {
    absl::StrAppend(&text, "---- ", node.ns, "/", node.name, "\n");
    const Output output = Translate(world, node);
    ExpectSameFindings(world, node, output);
    for (const Finding& finding : output.findings) {
      if (codes != nullptr) codes->insert(finding.code);
    }
    Print(output.listeners, &text);
    Print(output.routes, &text);
    Print(output.clusters, &text);
    Print(output.endpoints, &text);
    Print(output.findings, &text);
  }
  return text;
}

TEST(World, IsTheSameWhateverItIsMadeFrom) {
  Edits edits;
  std::shared_ptr<const World> world;
  size_t longest = 0;
  std::set<std::string> codes;
  int registries = 0;
  for (int step = 0; step < 1200; ++step) {
    const config::SnapshotPtr snapshot = edits.Next();
    const std::shared_ptr<const World> before = world;
    world = World::Build(snapshot, {}, before.get());
    const std::string text = Print(*world, &codes);
    ASSERT_EQ(text, Print(*World::Build(snapshot))) << "step " << step;
    longest = std::max(longest, text.size());
    registries += before == nullptr || &before->registry() != &world->registry();
  }
  EXPECT_GT(longest, 10000u);
  EXPECT_LT(registries, 800);
  for (const char* code : {"MSH0102", "MSH0103", "MSH0104", "MSH0105", "MSH0106", "MSH0110",
                           "MSH0111", "MSH0114", "MSH0115", "MSH0116"}) {
    EXPECT_EQ(codes.count(code), 1u) << code;
  }
}

config::Unit File(const std::string& name, const std::string& yaml) {
  config::Unit unit;
  unit.name = name;
  unit.content = config::ReadYaml(name, yaml);
  return unit;
}

std::string Rules(const std::string& name, const std::string& subset) {
  return absl::StrCat(
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
      "}\nspec:\n  hosts: [", name, ".com]\n  http:\n", "  - route: [{destination: {host: ", name,
      ".com, subset: ", subset,
      "}}]\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
      "metadata: {name: ",
      name, "}\nspec:\n  host: ", name, ".com\n  subsets: [{name: ", subset, "}]\n");
}

TEST(World, SharesWhatDidNotChange) {
  config::Store store;
  config::SourceUpdate all;
  for (int i = 0; i < 20; ++i) {
    const std::string name = absl::StrCat("s", i);
    all.units.push_back(File(name + ".yaml", Rules(name, "v1")));
  }
  const auto before = World::Build(store.Apply(std::move(all)).snapshot);
  config::SourceUpdate edit;
  edit.units.push_back(File("s7.yaml", Rules("s7", "v2")));
  const auto after = World::Build(store.Apply(std::move(edit)).snapshot, {}, before.get());

  EXPECT_EQ(&before->registry(), &after->registry());
  EXPECT_EQ(&before->index().peer_authentications(), &after->index().peer_authentications());
  const std::vector<VirtualServicePtr>& old = before->index().virtual_services().all();
  const std::vector<VirtualServicePtr>& now = after->index().virtual_services().all();
  ASSERT_EQ(old.size(), 20u);
  ASSERT_EQ(now.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    const std::string host = now[i]->hosts[0];
    const auto rule = [&](const World& world) {
      return world.index().destination_rules().Find(host, "default", "default");
    };
    ASSERT_NE(rule(*after), nullptr);
    EXPECT_EQ(old[i] == now[i], host != "s7.com") << host;
    EXPECT_EQ(rule(*before) == rule(*after), host != "s7.com") << host;
  }
}

}  // namespace
}  // namespace mesh::translate
