// docs/findings against what the checks do: every code has a page, and the examples of every page
// do what it says. What the first examples give is in findings.golden in full, so that every
// message is read before it changes; to rewrite it:
//   MESH_GOLDEN=$PWD/mesh/analysis/findings.golden bazel-bin/mesh/analysis/pages_test
#include "mesh/analysis/pages.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/base/strings.h"
#include "mesh/config/read.h"
#include "mesh/translate/findings.h"
#include "mesh/translate/world.h"

namespace mesh::analysis {
namespace {

// The example under a heading; empty where there is none.
std::string Example(std::string_view page, const std::string& heading) {
  const size_t section = page.find("\n## " + heading + "\n");
  if (section == std::string_view::npos) return "";
  const size_t begin = page.find("```yaml\n", section);
  if (begin == std::string_view::npos) return "";
  const size_t end = page.find("\n```", begin);
  return std::string(page.substr(begin + 8, end - begin - 7));
}

std::vector<Finding> FindingsOf(const std::string& yaml) {
  const Input input = ToInput({config::ReadYaml("example.yaml", yaml, ReadOptions())});
  std::vector<Finding> findings = Analyze(*input.snapshot, input.options);
  // What a control plane alone finds, here one that has fetched nothing.
  translate::WorldOptions running;
  running.key_sets = std::make_shared<const translate::KeySets>();
  const auto world = translate::World::Build(input.snapshot, running);
  for (translate::Finding& found : translate::FindingsOfProxies(*world, 1000)) {
    if (found.code != "MSH0132") continue;
    Finding finding;
    finding.code = found.code;
    finding.message = std::move(found.message);
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::string Codes(const std::vector<Finding>& findings) {
  std::set<std::string> codes;
  for (const Finding& finding : findings) codes.insert(finding.code);
  std::string text;
  for (const std::string& code : codes) absl::StrAppend(&text, text.empty() ? "" : " ", code);
  return text;
}

bool Has(const std::vector<Finding>& findings, std::string_view code) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& finding) { return finding.code == code; });
}

TEST(Pages, EveryCodeHasOneAndEveryPageACode) {
  std::set<std::string> codes, pages;
  for (const CodeInfo& info : AllCodes()) codes.insert(std::string(info.code));
  for (const Page& page : AllPages()) pages.insert(std::string(page.code));
  EXPECT_EQ(codes, pages);
}

TEST(Pages, CodesAreInOrderAndOnce) {
  std::string before;
  for (const CodeInfo& info : AllCodes()) {
    EXPECT_LT(before, info.code);
    before = std::string(info.code);
    EXPECT_FALSE(info.title.empty());
  }
}

TEST(Pages, EveryPageHasItsParts) {
  for (const Page& page : AllPages()) {
    SCOPED_TRACE(page.code);
    EXPECT_TRUE(absl::StartsWith(Absl(page.text), absl::StrCat("# ", Absl(page.code), ": ")));
    EXPECT_NE(page.text.find("\n## Why it hurts\n"), std::string_view::npos);
    EXPECT_NE(page.text.find("\n## Remedy\n"), std::string_view::npos);
    EXPECT_NE(Example(page.text, "Triggers it"), "");
    EXPECT_NE(Example(page.text, "Does not"), "");
  }
}

TEST(Pages, TheExamplesDoWhatThePagesSay) {
  for (const Page& page : AllPages()) {
    const std::vector<Finding> triggered = FindingsOf(Example(page.text, "Triggers it"));
    EXPECT_TRUE(Has(triggered, page.code))
        << page.code << ": its first example gives " << Codes(triggered);
    const std::vector<Finding> fine = FindingsOf(Example(page.text, "Does not"));
    EXPECT_FALSE(Has(fine, page.code)) << page.code << ": its second example gives it too";
    for (const Finding& finding : fine) {
      EXPECT_NE(finding.code, "IST0106")
          << page.code << ": its second example is invalid: " << finding.position.ToString() << " "
          << finding.message;
    }
  }
}

TEST(Pages, EveryMessageInFull) {
  std::string got;
  for (const Page& page : AllPages()) {
    if (page.code == "MSH0132") continue;  // the control plane's, in its log
    std::set<std::string> said;
    for (const Finding& f : FindingsOf(Example(page.text, "Triggers it"))) {
      if (f.code != page.code) continue;
      absl::StrAppend(&got, f.code, " ", std::string(LevelName(f.level)), " ", f.kind, " ", f.ns,
                      f.ns.empty() ? "" : "/", f.name, " ", f.field, " ", f.position.line, ":",
                      f.position.column, "\n  ", f.message, "\n  remedy: ", f.remedy, "\n");
      EXPECT_TRUE(f.position.known()) << f.code << " " << f.field;
      EXPECT_FALSE(f.message.empty());
      EXPECT_FALSE(f.remedy.empty()) << f.code;
      EXPECT_EQ(f.documentation, absl::StrCat("docs/findings/", f.code, ".md"));
    }
  }
  if (const char* path = std::getenv("MESH_GOLDEN")) {
    std::ofstream(path) << got;
    GTEST_SKIP() << "wrote " << path;
  }
  std::ifstream in("mesh/analysis/findings.golden");
  std::stringstream wanted;
  wanted << in.rdbuf();
  const std::vector<std::string> have = absl::StrSplit(got, '\n');
  const std::vector<std::string> want = absl::StrSplit(wanted.str(), '\n');
  for (size_t i = 0; i < std::max(have.size(), want.size()); ++i) {
    ASSERT_EQ(i < have.size() ? have[i] : "", i < want.size() ? want[i] : "") << "line " << i + 1;
  }
}

}  // namespace
}  // namespace mesh::analysis
