#include "mesh/ctl/analyze.h"

#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

constexpr char kYaml[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews.example.com]
  http:
  - route:
    - destination:
        host: reviews
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
)";

struct Outcome {
  int code;
  std::string out, err;
};

Outcome Analyze(std::vector<std::string> flags, const std::string& yaml = kYaml) {
  std::vector<std::string> args = {"analyze", "-f", "-"};
  args.insert(args.end(), flags.begin(), flags.end());
  std::istringstream in(yaml);
  std::ostringstream out, err;
  const int code = Run({AddAnalyze}, args, in, out, err);
  return {code, out.str(), err.str()};
}

TEST(Analyze, TheTableShowsTheLineWithACaretUnderTheField) {
  const Outcome outcome = Analyze({});
  EXPECT_EQ(outcome.code, 79);
  EXPECT_EQ(
      outcome.out,
      R"(-:9:9: error IST0101 VirtualService default/reviews spec.http[0].route[0].destination.host: the host "reviews" is no service that namespace "default" can see: requests get 503
            host: reviews
            ^
    remedy: correct the name, or create the Service or ServiceEntry; a service of another namespace needs its full name
-:13:1: warning IST0102 Namespace a metadata.labels: the namespace does not say whether its pods get a sidecar: they get none
    metadata: {name: a}
    ^
    remedy: kubectl label namespace a istio-injection=enabled (or disabled, so that it is said)
)");
  EXPECT_EQ(outcome.err, "1 errors, 1 warnings, 0 infos\n");
}

TEST(Analyze, JsonHasTheKeysThatToolsRelyOn) {
  const Outcome outcome = Analyze({"-o", "json"});
  EXPECT_EQ(outcome.code, 79);
  const auto rows = nlohmann::json::parse(outcome.out, nullptr, false);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0]["code"], "IST0101");
  EXPECT_EQ(rows[0]["level"], "error");
  EXPECT_EQ(rows[0]["kind"], "VirtualService");
  EXPECT_EQ(rows[0]["namespace"], "default");
  EXPECT_EQ(rows[0]["name"], "reviews");
  EXPECT_EQ(rows[0]["file"], "-");
  EXPECT_EQ(rows[0]["line"], 9);
  EXPECT_EQ(rows[0]["column"], 9);
  EXPECT_EQ(rows[0]["field"], "spec.http[0].route[0].destination.host");
  EXPECT_EQ(rows[0]["documentation"], "docs/findings/IST0101.md");
  EXPECT_EQ(rows[0].count("message"), 1);
  EXPECT_EQ(rows[0].count("remedy"), 1);
}

TEST(Analyze, FailOnSaysFromWhichLevel) {
  const std::string suppress = "IST0101=VirtualService/default/reviews";
  EXPECT_EQ(Analyze({"--suppress", suppress}).code, 0);
  EXPECT_EQ(Analyze({"--suppress", suppress, "--fail-on", "warning"}).code, 79);
  EXPECT_EQ(Analyze({"--suppress", suppress, "--fail-on", "info", "-o", "json"}).code, 79);
  EXPECT_EQ(Analyze({"--fail-on", "sometimes"}).code, 64);
}

TEST(Analyze, SuppressesByPattern) {
  const Outcome outcome = Analyze({"--suppress", "IST0101=VirtualService/*/rev*", "--suppress",
                                   "IST0102=Namespace/a", "--fail-on", "info"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "0 errors, 0 warnings, 0 infos, 2 suppressed\n");
  EXPECT_EQ(Analyze({"--suppress", "IST0101"}).code, 64);
}

TEST(Analyze, NothingFoundIsAnEmptyList) {
  const Outcome outcome = Analyze({"-o", "json"}, "");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "[]\n");
}

}  // namespace
}  // namespace mesh::ctl
