// Which rules are said never to be used, and by whom they are hidden.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"

namespace mesh::analysis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string>& Checks() {
  static const auto* const kChecks =
      new std::vector<std::string>{"repeated_matches", "rule_proofs", "translation"};
  return *kChecks;
}

std::vector<std::string> Find(const std::string& yaml) {
  Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
  input.options.checks = Checks();
  std::vector<std::string> found;
  for (const Finding& f : Analyze(*input.snapshot, input.options)) {
    found.push_back(absl::StrCat(f.code, " ", f.name, " ", f.field));
  }
  return found;
}

// Each rule is given as the condition of its one match, "" being none.
std::string Service(const std::string& name, const std::vector<std::string>& matches,
                    const std::string& more = "") {
  std::string yaml = absl::StrCat(
      "---\napiVersion: networking.istio.io/v1alpha3\n"
      "kind: VirtualService\nmetadata: {name: ",
      name, more, "}\nspec:\n  hosts: [shop.example.com]\n");
  if (!more.empty()) absl::StrAppend(&yaml, "  gateways: [web]\n");
  absl::StrAppend(&yaml, "  http:\n");
  for (const std::string& match : matches) {
    absl::StrAppend(&yaml, "  - route: [{destination: {host: shop}}]\n");
    if (!match.empty()) absl::StrAppend(&yaml, "    match: [", match, "]\n");
  }
  return yaml;
}

TEST(Rules, OfOneVirtualService) {
  struct Case {
    const char* name;
    std::vector<std::string> matches;
    std::vector<std::string> wanted;
  };
  const Case kCases[] = {
      {"rules that have nothing in common",
       {"{uri: {prefix: /a}}", "{uri: {prefix: /b}}", "{uri: {exact: /c}}", ""},
       {}},
      {"a longer prefix first is the way to write it",
       {"{uri: {prefix: /a/b}}", "{uri: {prefix: /a}}"},
       {}},
      {"a prefix hides a longer one",
       {"{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}"},
       {"MSH0121 s spec.http[1]", "IST0131 s spec.http[1].match[0]"}},
      {"a prefix for GET alone hides no other method",
       {"{uri: {prefix: /a}, method: {exact: GET}}", "{uri: {prefix: /a/b}}"},
       {}},
      {"a prefix for all methods hides that for GET",
       {"{uri: {prefix: /a}}", "{uri: {prefix: /a/b}, method: {exact: GET}}"},
       {"MSH0121 s spec.http[1]", "IST0131 s spec.http[1].match[0]"}},
      {"a regular expression hides a path",
       {"{uri: {regex: '/v[0-9]+/.*'}}", "{uri: {exact: /v12/books}}"},
       {"MSH0121 s spec.http[1]"}},
      {"a regular expression that leaves something",
       {"{uri: {regex: '/v[0-9]/.*'}}", "{uri: {exact: /v12/books}}"},
       {}},
      {"two rules together hide a third",
       {"{uri: {regex: '/a/.*'}}", "{uri: {regex: '/b/.*'}}", "{uri: {regex: '/(a|b)/.+'}}"},
       {"MSH0121 s spec.http[2]"}},
      {"behind a rule without match", {"", "{uri: {prefix: /a}}"}, {"IST0130 s spec.http[1]"}},
      {"behind one that takes everything",
       {"{uri: {prefix: /}}", "{uri: {prefix: /a}}"},
       {"MSH0101 s spec.http[1]", "IST0131 s spec.http[1].match[0]"}},
      {"the same match again",
       {"{uri: {prefix: /a}}", "{uri: {prefix: /a}, name: again}"},
       {"IST0130 s spec.http[1]", "IST0131 s spec.http[1].match[0]"}},
      {"for one port only, after a rule for another port",
       {"{uri: {prefix: /a}, port: 80}", "{uri: {prefix: /a/b}, port: 81}"},
       {}},
      {"for one port only, after a rule for all",
       {"{uri: {prefix: /a}}", "{uri: {prefix: /a/b}, port: 81}"},
       {"MSH0121 s spec.http[1]"}},
      {"for some clients only, after a rule for all: not every proxy has it",
       {"{uri: {prefix: /a}, sourceLabels: {app: b}}", "{uri: {prefix: /a/b}}"},
       {}},
  };
  for (const Case& c : kCases) {
    EXPECT_THAT(Find(Service("s", c.matches)), ::testing::UnorderedElementsAreArray(c.wanted))
        << c.name;
  }
}

constexpr char kGateway[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: web}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
)";

TEST(Rules, OfTwoVirtualServicesAtOneGateway) {
  const std::string older = ", creationTimestamp: '2020-01-01T00:00:00Z'";
  const std::string younger = ", creationTimestamp: '2020-01-02T00:00:00Z'";
  EXPECT_THAT(Find(kGateway + Service("a", {"{uri: {prefix: /cart}}"}, younger) +
                   Service("b", {"{uri: {prefix: /cart/new}}"}, older)),
              ElementsAre("MSH0122 a spec.hosts[0]", "MSH0122 b spec.hosts[0]"));
  EXPECT_THAT(Find(kGateway + Service("a", {"{uri: {prefix: /cart}}"}, older) +
                   Service("b", {"{uri: {prefix: /cart/new}}"}, younger)),
              ElementsAre("MSH0122 a spec.hosts[0]", "MSH0122 b spec.hosts[0]",
                          "MSH0120 b spec.http[0].match[0]"));
  // What takes everything goes last, whatever its age: the other one stays reachable.
  EXPECT_THAT(Find(kGateway + Service("a", {""}, older) +
                   Service("b", {"{uri: {prefix: /cart/new}}"}, younger)),
              ElementsAre("MSH0122 a spec.hosts[0]", "MSH0122 b spec.hosts[0]"));
}

TEST(Rules, NoStepsLeftNoProofs) {
  const std::string yaml = Service("s", {"{uri: {regex: '/v[0-9]+/.*'}}", "{uri: {exact: /v1/a}}"});
  Input input = ToInput({config::ReadYaml("mesh.yaml", yaml, ReadOptions())});
  input.options.checks = Checks();
  input.options.proof_steps = 0;
  EXPECT_THAT(Analyze(*input.snapshot, input.options), IsEmpty());
}

}  // namespace
}  // namespace mesh::analysis
