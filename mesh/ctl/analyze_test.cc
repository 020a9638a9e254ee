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
  EXPECT_EQ(outcome.err, "1 error, 1 warning, 0 infos\n");
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

// The parts of SARIF 2.1.0 that readers need: §3.13 (log), §3.14 (run), §3.27 (result).
TEST(Analyze, SarifHasTheShapeThatReadersNeed) {
  const Outcome outcome = Analyze({"-o", "sarif", "--suppress", "IST0102=Namespace/a"});
  EXPECT_EQ(outcome.code, 79);
  EXPECT_EQ(outcome.err, "");
  const auto log = nlohmann::json::parse(outcome.out, nullptr, false);
  ASSERT_TRUE(log.is_object());
  EXPECT_EQ(log["version"], "2.1.0");
  EXPECT_EQ(log["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
  ASSERT_EQ(log["runs"].size(), 1);
  const auto& run = log["runs"][0];
  const auto& driver = run["tool"]["driver"];
  EXPECT_EQ(driver["name"], "meshctl");
  ASSERT_GT(driver["rules"].size(), 80);
  for (const auto& rule : driver["rules"]) {
    EXPECT_TRUE(rule["id"].is_string());
    EXPECT_TRUE(rule["shortDescription"]["text"].is_string());
    EXPECT_NE(rule["help"]["markdown"], "") << rule["id"];
    const std::string level = rule["defaultConfiguration"]["level"];
    EXPECT_TRUE(level == "error" || level == "warning" || level == "note") << level;
  }
  ASSERT_EQ(run["results"].size(), 2);
  const auto& result = run["results"][0];
  EXPECT_EQ(result["ruleId"], "IST0101");
  EXPECT_EQ(driver["rules"][result["ruleIndex"].get<size_t>()]["id"], "IST0101");
  EXPECT_EQ(result["level"], "error");
  EXPECT_EQ(result["message"]["text"],
            "the host \"reviews\" is no service that namespace \"default\" can see: requests get "
            "503. Remedy: correct the name, or create the Service or ServiceEntry; a service of "
            "another namespace needs its full name");
  const auto& location = result["locations"][0];
  EXPECT_EQ(location["physicalLocation"]["artifactLocation"]["uri"], "-");
  EXPECT_EQ(location["physicalLocation"]["region"]["startLine"], 9);
  EXPECT_EQ(location["physicalLocation"]["region"]["startColumn"], 9);
  EXPECT_EQ(location["logicalLocations"][0]["fullyQualifiedName"],
            "VirtualService default/reviews spec.http[0].route[0].destination.host");
  EXPECT_EQ(result.count("suppressions"), 0);
  EXPECT_EQ(run["results"][1]["ruleId"], "IST0102");
  EXPECT_EQ(run["results"][1]["suppressions"][0]["kind"], "external");
}

TEST(Analyze, SarifCountsColumnsInCodePoints) {
  const Outcome outcome = Analyze({"-o", "sarif"},
                                  "apiVersion: v1\nkind: Service\n"
                                  "metadata: {labels: {\"ä\": \"€\"}, name: a, annotations: "
                                  "{sidecar.istio.io/injekt: x}}\n"
                                  "spec: {ports: [{port: 80, name: http}]}\n");
  const auto log = nlohmann::json::parse(outcome.out, nullptr, false);
  const auto& region = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
  EXPECT_EQ(region["startLine"], 3);
  EXPECT_EQ(region["startColumn"], 55);  // 58 in bytes
}

TEST(Analyze, JunitHasACaseForEachFinding) {
  const Outcome outcome = Analyze({"-o", "junit", "--suppress", "IST0118=*"},
                                  std::string(kYaml) +
                                      "---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n"
                                      "spec: {ports: [{port: 80, name: a&b}]}\n");
  EXPECT_EQ(outcome.code, 79);
  EXPECT_EQ(outcome.out,
            R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="meshctl analyze" tests="3" failures="1" errors="0" skipped="1">
  <testsuite name="-" tests="3" failures="1" errors="0" skipped="1">
    <testcase classname="VirtualService default/reviews" name="IST0101 spec.http[0].route[0].destination.host" file="-" line="9">
      <failure type="IST0101" message="the host &quot;reviews&quot; is no service that namespace &quot;default&quot; can see: requests get 503">-:9:9: error IST0101: the host &quot;reviews&quot; is no service that namespace &quot;default&quot; can see: requests get 503
remedy: correct the name, or create the Service or ServiceEntry; a service of another namespace needs its full name
docs/findings/IST0101.md</failure>
    </testcase>
    <testcase classname="Namespace a" name="IST0102 metadata.labels" file="-" line="13">
      <system-out>-:13:1: warning IST0102: the namespace does not say whether its pods get a sidecar: they get none
remedy: kubectl label namespace a istio-injection=enabled (or disabled, so that it is said)
docs/findings/IST0102.md</system-out>
    </testcase>
    <testcase classname="Service default/b" name="IST0118 spec.ports[0].name" file="-" line="18">
      <skipped message="suppressed: the name &quot;a&amp;b&quot; of port 80 does not begin with a protocol: it is guessed"/>
    </testcase>
  </testsuite>
</testsuites>
)");
  EXPECT_EQ(Analyze({"-o", "junit"}, "").out,
            R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="meshctl analyze" tests="1" failures="0" errors="0" skipped="0">
  <testsuite name="-" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="-" name="no findings"/>
  </testsuite>
</testsuites>
)");
}

Outcome Explain(const std::string& code) {
  std::istringstream in;
  std::ostringstream out, err;
  const int exit = Run({AddAnalyze}, {"analyze", "--explain", code}, in, out, err);
  return {exit, out.str(), err.str()};
}

TEST(Analyze, ExplainsACodeWithoutInput) {
  const Outcome outcome = Explain("IST0101");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out.substr(0, 35), "# IST0101: A reference leads nowher");
  const Outcome unknown = Explain("IST101");
  EXPECT_EQ(unknown.code, 64);
  EXPECT_EQ(unknown.out, "");
  EXPECT_EQ(unknown.err, "meshctl: no code is called IST101; did you mean IST0101?\n");
}

TEST(Analyze, WithoutExplainInputIsNeeded) {
  std::istringstream in;
  std::ostringstream out, err;
  EXPECT_EQ(ctl::Run({AddAnalyze}, {"analyze"}, in, out, err), 64);
  EXPECT_EQ(err.str(),
            "meshctl analyze: -f is required\nRun `meshctl analyze --help` for usage.\n");
}

TEST(Analyze, APathThatCannotBeReadBeatsFindings) {
  EXPECT_EQ(Analyze({"-f", "/nowhere.yaml"}).code, 65);
  EXPECT_EQ(Analyze({"--mesh", "/nowhere.yaml"}).code, 65);
  EXPECT_EQ(Analyze({"--networks", "/nowhere.yaml"}).code, 65);
}

TEST(Analyze, NothingFoundIsAnEmptyList) {
  const Outcome outcome = Analyze({"-o", "json"}, "");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "[]\n");
}

}  // namespace
}  // namespace mesh::ctl
