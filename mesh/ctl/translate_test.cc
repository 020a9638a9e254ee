#include "mesh/ctl/translate.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Translate(const std::string& input, std::vector<std::string> more) {
  std::vector<std::string> args = {"translate", "-f", "-"};
  args.insert(args.end(), more.begin(), more.end());
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = Run({AddTranslate}, args, in, out, err);
  return {code, out.str(), err.str()};
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::ofstream(path) << text;
  return path;
}

constexpr char kShop[] = R"(apiVersion: v1
kind: Service
metadata:
  name: cart
spec:
  selector:
    app: cart
  ports:
  - name: http
    port: 9080
---
apiVersion: v1
kind: Pod
metadata:
  name: cart-v1-0
  labels:
    app: cart
status:
  podIP: 10.1.1.1
  phase: Running
  conditions:
  - type: Ready
    status: "True"
)";

TEST(TranslateTest, FourKeysAlways) {
  const Outcome outcome = Translate(kShop, {"--proxy", "cart-v1-0.default", "-o", "json"});
  ASSERT_EQ(outcome.code, kFine) << outcome.err;
  const Json all = Json::parse(outcome.out);
  EXPECT_EQ(all.size(), 4u);
  bool found = false;
  for (const Json& cluster : all["clusters"]) {
    found = found || cluster["name"] == "outbound|9080||cart.default.svc.cluster.local";
  }
  EXPECT_TRUE(found) << outcome.out;
  EXPECT_FALSE(all["listeners"].empty());
  EXPECT_FALSE(all["endpoints"].empty());

  const Outcome only =
      Translate(kShop, {"--proxy", "cart-v1-0.default", "-o", "json", "--type", "rds,eds"});
  const Json some = Json::parse(only.out);
  EXPECT_EQ(some.size(), 4u);
  EXPECT_TRUE(some["clusters"].empty());
  EXPECT_TRUE(some["listeners"].empty());
  EXPECT_EQ(some["routes"], all["routes"]);
}

TEST(TranslateTest, AsATable) {
  const Outcome outcome = Translate(kShop, {"--proxy", "cart-v1-0.default", "--type", "eds"});
  ASSERT_EQ(outcome.code, kFine) << outcome.err;
  EXPECT_EQ(outcome.out.substr(0, 4), "TYPE");
  EXPECT_NE(outcome.out.find("eds    outbound|9080||cart.default.svc.cluster.local"),
            std::string::npos)
      << outcome.out;
}

TEST(TranslateTest, AnUnknownPodNamesTheKnownOnes) {
  const Outcome outcome = Translate(kShop, {"--proxy", "card-v1-0.default", "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("cart-v1-0.default"), std::string::npos) << outcome.err;
}

TEST(TranslateTest, ANodeThatNoPodDescribes) {
  const std::string node =
      WriteFile("node.json", R"({"id":"x.default","name":"x","ns":"default","ip":"10.9.9.9",
                                 "labels":{},"sa":"default","type":"sidecar"})");
  const Outcome redirect = Translate(kShop, {"--node", node, "-o", "json"});
  ASSERT_EQ(redirect.code, kFine) << redirect.err;
  EXPECT_NE(redirect.out.find("\"virtualOutbound\""), std::string::npos);
  const Outcome none = Translate(kShop, {"--node", node, "-o", "json", "--interception", "none"});
  ASSERT_EQ(none.code, kFine) << none.err;
  EXPECT_EQ(none.out.find("\"virtualOutbound\""), std::string::npos);
  EXPECT_EQ(Translate(kShop, {"--node", node + ".missing", "-o", "json"}).code, kUnreadable);
}

TEST(TranslateTest, AnInvalidObjectIsNamedAndTheRestTranslated) {
  const Outcome outcome = Translate(std::string(kShop) +
                                        "---\napiVersion: networking.istio.io/v1alpha3\n"
                                        "kind: VirtualService\nmetadata:\n  name: bad\nspec: {}\n",
                                    {"--proxy", "cart-v1-0.default", "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_NE(outcome.err.find("VirtualService default/bad"), std::string::npos) << outcome.err;
  EXPECT_FALSE(Json::parse(outcome.out)["clusters"].empty());
}

TEST(TranslateTest, MeshConfigChangesTheDefaults) {
  const std::string mesh = WriteFile("mesh.yaml", "connectTimeout: 3s\n");
  const Outcome outcome =
      Translate(kShop, {"--proxy", "cart-v1-0.default", "-o", "json", "--mesh", mesh});
  ASSERT_EQ(outcome.code, kFine) << outcome.err;
  EXPECT_NE(outcome.out.find("\"connectTimeout\": \"3s\""), std::string::npos);
}

TEST(TranslateTest, OneOfProxyAndNodeIsNeeded) {
  EXPECT_EQ(Translate(kShop, {}).code, kUsage);
  EXPECT_EQ(Translate(kShop, {"--proxy", "a.b", "--node", "c"}).code, kUsage);
}

}  // namespace
}  // namespace mesh::ctl
