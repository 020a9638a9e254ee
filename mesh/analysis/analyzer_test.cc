// An Analyzer that follows changes says what an analysis of everything says.
#include "mesh/analysis/analyzer.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/store.h"

namespace mesh::analysis {
namespace {

using ::testing::IsEmpty;

std::vector<std::string> Texts(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& f : findings) {
    texts.push_back(absl::StrCat(f.position.ToString(), " ", f.code, " ", f.kind, " ", f.ns, "/",
                                 f.name, " ", f.field, ": ", f.message, " / ", f.remedy));
  }
  return texts;
}

class Series {
 public:
  int Below(int below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % below;
  }

 private:
  uint64_t state_ = 7;
};

// Files that come, change and go; few names, so that they mean each other.
class World {
 public:
  // One random edit; the snapshot that follows.
  config::SnapshotPtr Edit() {
    config::SourceUpdate update;
    config::Unit unit;
    unit.name = absl::StrCat("f", random_.Below(40), ".yaml");
    if (random_.Below(6) == 0) {
      unit.state = config::Unit::State::kGone;
    } else {
      std::string text;
      for (int i = 1 + random_.Below(2); i > 0; --i) absl::StrAppend(&text, Object(), "---\n");
      unit.content = config::ReadYaml(unit.name, text);
      EXPECT_THAT(unit.content.errors, IsEmpty());
    }
    update.units.push_back(std::move(unit));
    return store_.Apply(std::move(update)).snapshot;
  }

 private:
  std::string Any(std::vector<std::string> of) { return of[random_.Below(of.size())]; }
  std::string Host() {
    return Any({"reviews", "ratings", "details.a.svc.cluster.local", "web.example.com", "nobody"});
  }
  std::string Head(const std::string& api, const std::string& kind) {
    return absl::StrCat("apiVersion: ", api, "\nkind: ", kind,
                        "\nmetadata:\n  name: ", Any({"x", "w", "z"}),
                        "\n  namespace: ", Any({"a", "b"}), "\n");
  }
  std::string Object() {
    const std::string net = "networking.istio.io/v1";
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return absl::StrCat(
            Head(net, "VirtualService"), "spec:\n  hosts: [", Host(), "]\n",
            random_.Below(2) == 0
                ? ""
                : absl::StrCat("  gateways: [", Any({"x", "a/w", "b/z", "mesh, a/x"}), "]\n"),
            random_.Below(4) == 0 ? "  exportTo: [\".\"]\n" : "", "  http:\n  - match: [{uri: {",
            Any({"regex: \"[\"", "prefix: /x", "exact: /y"}),
            "}}]\n    route:\n    - destination: {host: ", Host(), ", subset: ", Any({"v1", "v2"}),
            "}\n");
      case 4:
      case 5:
      case 6:
        return absl::StrCat(Head(net, "DestinationRule"), "spec:\n  host: ", Host(),
                            "\n  trafficPolicy: {tls: {mode: ", Any({"SIMPLE", "DISABLE"}),
                            "}}\n  subsets:\n  - name: ", Any({"v1", "v2"}),
                            "\n    labels: {version: v1}\n");
      case 7:
      case 8:
        return absl::StrCat(
            Head(net, "Gateway"), "spec:\n  selector: {istio: ", Any({"ingressgateway", "none"}),
            "}\n  servers:\n  - hosts: [\"*.com\"]\n    port: {number: ", Any({"80", "81"}),
            ", name: http, protocol: HTTP}\n");
      case 9:
        return absl::StrCat(
            Head(net, "Sidecar"), "spec:\n",
            random_.Below(2) == 0 ? "" : "  workloadSelector: {labels: {app: web}}\n",
            "  egress: [{hosts: [\"./*\"]}]\n");
      case 10:
        return absl::StrCat(Head("security.istio.io/v1", "AuthorizationPolicy"),
                            "spec:\n  rules: [{from: [{source: {namespaces: [", Any({"a", "q"}),
                            "]}}]}]\n");
      case 11:
        return absl::StrCat(Head(net, "ServiceEntry"), "spec:\n  hosts: [", Host(),
                            ".com]\n  ports: [{number: 80, name: http, protocol: HTTP}]\n");
      case 12:
        return absl::StrCat(Head("v1", "Service"),
                            "spec:\n  selector: {app: web}\n  ports: [{port: ", Any({"80", "81"}),
                            "}, {port: 90, name: tcp}]\n");
      default:
        return absl::StrCat("apiVersion: v1\nkind: Namespace\nmetadata: {name: ", Any({"a", "b"}),
                            "}\n");
    }
  }

  Series random_;
  config::Store store_{
      config::Store::Options{[](const config::Resource&) { return std::vector<FieldError>(); }}};
};

TEST(Analyzer, SaysWhatAnAnalysisOfEverythingSays) {
  World world;
  Analyzer analyzer;
  Options options;
  options.unread.push_back({"Policy",
                            "authentication.istio.io/v1alpha1",
                            "a",
                            "x",
                            SourcePosition{std::make_shared<const std::string>("p.yaml"), 1, 1},
                            {}});
  int followed = 0;
  for (int step = 0; step < 1500; ++step) {
    const config::SnapshotPtr snapshot = world.Edit();
    const std::vector<std::string> found = Texts(analyzer.Update(snapshot, options));
    ASSERT_EQ(found, Texts(Analyze(*snapshot, options))) << "step " << step;
    followed += analyzer.last_work().everything ? 0 : 1;
  }
  EXPECT_GT(followed, 700);
}

// Each check by itself, so that none hides behind the others.
TEST(Analyzer, SaysSoOfEveryCheck) {
  World world;
  std::map<std::string, Analyzer> analyzers;
  for (int step = 0; step < 150; ++step) {
    const config::SnapshotPtr snapshot = world.Edit();
    for (const std::string& check : CheckNames()) {
      Options options;
      options.checks = {check};
      ASSERT_EQ(Texts(analyzers[check].Update(snapshot, options)),
                Texts(Analyze(*snapshot, options)))
          << check << ", step " << step;
    }
  }
}

config::ResourcePtr Read(const std::string& file, const std::string& yaml) {
  const config::ReadResult read = config::ReadYaml(file, yaml);
  EXPECT_THAT(read.errors, IsEmpty());
  return read.resources.empty() ? nullptr : read.resources[0];
}

std::string VirtualService(const std::string& name, const std::string& subset) {
  return absl::StrCat(
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ", name,
      "}\nspec:\n  hosts: [", name,
      "]\n  http: [{route: [{destination: {host: h.com, subset: ", subset, "}}]}]\n");
}

TEST(Analyzer, LooksOnlyAtWhatAChangeConcerns) {
  const std::string entry =
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: h}\nspec:\n"
      "  hosts: [h.com]\n  ports: [{number: 80, name: http, protocol: HTTP}]\n";
  const auto rule = [](const std::string& subset) {
    return Read("rule.yaml",
                absl::StrCat("apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
                             "metadata: {name: h}\nspec:\n  host: h.com\n  subsets: [{name: ",
                             subset, "}]\n"));
  };
  std::vector<config::ResourcePtr> objects = {Read("entry.yaml", entry), rule("v1")};
  for (int i = 0; i < 100; ++i) {
    objects.push_back(Read("many.yaml", VirtualService(absl::StrCat("s", i), i < 3 ? "v2" : "v1")));
  }
  Analyzer analyzer;
  const auto update = [&] { return analyzer.Update(config::Snapshot::Of(objects)); };
  EXPECT_EQ(update().size(), 3u);
  EXPECT_TRUE(analyzer.last_work().everything);

  objects[2] = Read("one.yaml", VirtualService("s0", "v1"));
  EXPECT_EQ(update().size(), 2u);
  EXPECT_FALSE(analyzer.last_work().everything);
  // And the rule, whose subset somebody more sends to.
  EXPECT_EQ(analyzer.last_work().objects, 2u);

  // All that send to either subset.
  objects[1] = rule("v2");
  EXPECT_EQ(update().size(), 98u);
  EXPECT_EQ(analyzer.last_work().objects, 101u);

  EXPECT_EQ(update().size(), 98u);
  EXPECT_EQ(analyzer.last_work().objects, 0u);
}

}  // namespace
}  // namespace mesh::analysis
