#include "mesh/ctl/route.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

class RouteVerbTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = testing::TempDir() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  int Run(const std::vector<std::string>& args) {
    std::istringstream in;
    out_.str("");
    err_.str("");
    return ctl::Run({AddRoute}, args, in, out_, err_);
  }
  nlohmann::ordered_json Json() {
    return nlohmann::ordered_json::parse(out_.str(), nullptr, false);
  }
  std::ostringstream out_, err_;

  const std::string config_ = Write("rds.yaml", R"(name: shop
virtual_hosts:
- name: shop
  domains: ["shop.example"]
  routes:
  - name: jason
    match: {prefix: /cart, headers: [{name: x-user, string_match: {exact: jason}}]}
    route: {cluster: cart-v2, prefix_rewrite: /v2/cart, timeout: 3s}
  - match: {path: /old}
    redirect: {path_redirect: /new}
  - match: {prefix: /}
    route: {cluster: web}
  - name: never
    match: {prefix: /cart/late}
    route: {cluster: late}
)");
};

TEST_F(RouteVerbTest, MatchSaysWhereARequestGoes) {
  EXPECT_EQ(Run({"route", "match", "-f", config_, "GET", "http://shop.example/cart/1", "-H",
                 "x-user: jason", "-o", "json"}),
            0)
      << err_.str();
  const auto json = Json();
  EXPECT_EQ(json["matched"], true);
  EXPECT_EQ(json["cluster"], "cart-v2");
  EXPECT_EQ(json["path_rewrite"], "/v2/cart/1");
  EXPECT_EQ(json["timeout"], "3s");
  EXPECT_EQ(json["rule"]["line"], 6);
  EXPECT_EQ(json["rule"]["index"], 0);
}

TEST_F(RouteVerbTest, MatchExplainsWhatFailed) {
  EXPECT_EQ(Run({"route", "match", "-f", config_, "--explain", "GET", "shop.example/cart"}), 0);
  EXPECT_EQ(out_.str(),
            "GET http://shop.example/cart\n"
            "  virtual host shop by shop.example (exact domain)\n"
            "  not  shop [0] jason (" +
                config_ +
                ":6:5)\n"
                "       header x-user: is missing\n"
                "  not  shop [1] (" +
                config_ +
                ":9:5)\n"
                "       path: \"/cart\" is not \"/old\"\n"
                "  rule shop [2] (" +
                config_ +
                ":11:5)\n"
                "  -> cluster web\n"
                "     cluster: web\n"
                "     timeout: 15s\n");
}

TEST_F(RouteVerbTest, MatchFailsWhereNothingTakesTheRequest) {
  EXPECT_EQ(Run({"route", "match", "-f", config_, "GET", "http://other/", "-o", "json"}), 1);
  EXPECT_EQ(Json()["matched"], false);
}

TEST_F(RouteVerbTest, TestChecksAssertions) {
  const std::string tests = Write("tests.yaml", R"(tests:
- test_name: cart of jason
  input: {authority: shop.example, path: /cart,
          additional_request_headers: [{key: x-user, value: jason}]}
  validate: {cluster_name: cart-v2, path_rewrite: /v2/cart, virtual_host_name: shop,
             path_redirect: ""}
- test_name: redirect
  input: {authority: shop.example, path: /old?a=1}
  validate: {path_redirect: "http://shop.example/new?a=1", cluster_name: ""}
- test_name: wrong
  input: {authority: shop.example, path: /}
  validate: {cluster_name: cart-v2}
)");
  EXPECT_EQ(
      Run({"route", "test", "--config", config_, "--tests", tests, "-o", "json", "--coverage"}), 1)
      << err_.str();
  const auto json = Json();
  EXPECT_EQ(json["passed"], 2) << out_.str();
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["results"][2]["differences"][0].dump(),
            R"({"field":"cluster_name","want":"cart-v2","got":"web"})");
  ASSERT_EQ(json["uncovered"].size(), 1u);
  EXPECT_EQ(json["uncovered"][0]["name"], "never");
  EXPECT_EQ(Run({"route", "test", "--config", config_, "--tests", tests, "-o", "junit"}), 1);
  EXPECT_NE(out_.str().find("<failure message=\"cluster_name: want &quot;cart-v2&quot;, got "
                            "&quot;web&quot;\"/>"),
            std::string::npos);
}

TEST_F(RouteVerbTest, ProveFindsTheRuleNobodyReaches) {
  EXPECT_EQ(Run({"route", "prove", "-f", config_, "-o", "json"}), 79) << err_.str();
  const auto json = Json();
  ASSERT_EQ(json.size(), 4u);
  EXPECT_EQ(json[3]["verdict"], "unreachable");
  EXPECT_EQ(json[3]["hidden_by"][0]["index"], 2);
  EXPECT_EQ(json[0]["verdict"], "reachable");
}

TEST_F(RouteVerbTest, DiffShowsRequestsThatChangeTheirFate) {
  const std::string after = Write("after.yaml", R"(name: shop
virtual_hosts:
- name: shop
  domains: ["shop.example"]
  routes:
  - match: {path: /old}
    redirect: {path_redirect: /new}
  - match: {prefix: /}
    route: {cluster: web}
)");
  EXPECT_EQ(Run({"route", "diff", "--before", config_, "--after", config_}), 0) << err_.str();
  EXPECT_EQ(out_.str(), "no request is treated differently\n");
  EXPECT_EQ(Run({"route", "diff", "--before", config_, "--after", after, "-o", "json"}), 1);
  const auto json = Json();
  ASSERT_EQ(json.size(), 1u) << out_.str();
  EXPECT_EQ(json[0]["request"]["headers"]["x-user"], "jason");
  EXPECT_EQ(json[0]["after"], "cluster web");
}

TEST_F(RouteVerbTest, AClusterCanBeNamedByTheAuthority) {
  const std::string config = Write("by_authority.yaml", R"(name: shop
virtual_hosts:
- name: shop
  domains: ["*"]
  routes:
  - match: {prefix: /}
    route: {cluster_header: ":authority"}
)");
  EXPECT_EQ(Run({"route", "match", "-f", config, "GET", "http://some_cluster/", "-o", "json"}), 0);
  EXPECT_EQ(Json()["cluster"], "some_cluster");
  const std::string tests = Write("by_authority_tests.yaml",
                                  "tests:\n- test_name: named\n  input: {authority: some_cluster, "
                                  "path: /}\n  validate: {cluster_name: some_cluster}\n");
  EXPECT_EQ(Run({"route", "test", "--config", config, "--tests", tests}), 0) << out_.str();
}

TEST_F(RouteVerbTest, AccessLogsCanBeAsked) {
  const std::string log =
      Write("access.log",
            "[2026-01-01T00:00:00Z] \"GET /old HTTP/1.1\" 200 - \"-\" \"-\" 0 5 "
            "1 1 \"-\" \"curl\" \"id\" \"shop.example\" \"10.0.0.1:80\" x\n");
  EXPECT_EQ(Run({"route", "match", "-f", config_, "--from-log", log, "-o", "json"}), 0);
  ASSERT_EQ(Json().size(), 1u) << out_.str() << err_.str();
  EXPECT_EQ(Json()[0]["redirect"], "http://shop.example/new");
}

TEST_F(RouteVerbTest, AccessLogsOfTodaysIstioCanBeAsked) {
  const std::string log =
      Write("today.log",
            "[2026-01-01T00:00:00Z] \"GET /old HTTP/1.1\" 200 - via_upstream - \"-\" 0 5 "
            "1 1 \"-\" \"curl\" \"id\" \"shop.example\" \"10.0.0.1:80\" x\n");
  EXPECT_EQ(Run({"route", "match", "-f", config_, "--from-log", log, "-o", "json"}), 0);
  ASSERT_EQ(Json().size(), 1u) << out_.str() << err_.str();
  EXPECT_EQ(Json()[0]["redirect"], "http://shop.example/new");
}

// The words of a command line; what stands in '' is one.
std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

TEST_F(RouteVerbTest, TheHelpsExamplesRunFromTheTopOfTheSourceTree) {
  for (const char* verb : {"test", "match", "prove", "diff"}) {
    Run({"route", verb, "--help"});
    std::istringstream help(out_.str() + err_.str());
    int examples = 0;
    for (std::string line; std::getline(help, line);) {
      const std::string start = "  bin/meshctl ";
      if (line.compare(0, start.size(), start) != 0) continue;
      ++examples;
      const int code = Run(Words(line.substr(start.size())));
      EXPECT_TRUE(code == 0 || code == 1 || code == 79) << line << "\n" << code << err_.str();
      EXPECT_EQ(err_.str(), "") << line;
      EXPECT_NE(out_.str(), "") << line;
    }
    EXPECT_EQ(examples, 3) << verb;
  }
}

}  // namespace
}  // namespace mesh::ctl
