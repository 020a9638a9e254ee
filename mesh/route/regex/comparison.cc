#include "mesh/route/regex/comparison.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mesh/route/regex/automaton.h"
#include "mesh/route/regex/literals.h"
#include "mesh/route/regex/syntax.h"
#include "mesh/route/regex/template.h"
#include "re2/re2.h"

namespace mesh::route::regex {
namespace {

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

// The name of the first answer that is not `want`; "" if all are.
std::string WrongAnswer(const std::string& text, bool want, const Automaton& automaton,
                        const Automaton& complement, const Literals& literals,
                        const std::vector<Template>& templates) {
  if (automaton.Accepts(text) != want) return "the automaton";
  if (complement.Accepts(text) == want) return "the complement";
  if (want) {
    if (!StartsWith(text, literals.prefix)) return "the prefix";
    if (!StartsWith(text, automaton.CommonPrefix())) return "the automaton's prefix";
    if (!EndsWith(text, literals.suffix)) return "the suffix";
    if (text.find(literals.longest) == std::string::npos) return "the longest literal";
  }
  if (literals.finite &&
      std::binary_search(literals.texts.begin(), literals.texts.end(), text) != want) {
    return "the literals";
  }
  if (!templates.empty() &&
      std::any_of(templates.begin(), templates.end(),
                  [&](const Template& pattern) { return Matches(pattern, text); }) != want) {
    return "the templates";
  }
  return "";
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

// The same for Alphabet::kAscii, on texts of it.
void CompareAscii(const std::string& regex, std::vector<std::string> texts, const RE2& re2,
                  RandomRegex* random, int64_t steps, Comparison* result) {
  Budget budget(steps);
  const absl::StatusOr<Automaton> automaton = Automaton::FromRegex(regex, budget, Alphabet::kAscii);
  if (!automaton.ok()) return;
  const Automaton ascii = Automaton::Run(ByteSet::Range(0, 127), 0, Node::kUnbounded);
  const absl::StatusOr<Automaton> inside = Intersection(*automaton, ascii, budget);
  const absl::StatusOr<Automaton> outside = Difference(ascii, *automaton, budget);
  if (!inside.ok() || !outside.ok()) return;
  result->ascii = true;
  const auto below = [random](uint32_t n) { return random->Below(n); };
  for (const Automaton* set : {&*inside, &*outside}) {
    if (set->empty()) continue;
    texts.push_back(set->Shortest());
    for (int i = 0; i < 3; ++i) texts.push_back(set->Sample(below, random->Below(12)));
  }
  for (const std::string& text : texts) {
    if (!IsAscii(text)) continue;
    const bool want = RE2::FullMatch(text, re2);
    if (automaton->Accepts(text) == want) continue;
    result->disagreement =
        absl::StrCat("regex \"", absl::CHexEscape(regex), "\", text \"", absl::CHexEscape(text),
                     "\": RE2 says ", want ? "yes" : "no", ", not so the automaton for ASCII");
    return;
  }
}

}  // namespace

Comparison CompareWithRe2(const std::string& regex, std::vector<std::string> texts,
                          RandomRegex* random, int64_t steps) {
  Comparison result;
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 re2(regex, options);
  if (!re2.ok()) return result;
  result.outcome = Comparison::Outcome::kUnknown;
  CompareAscii(regex, texts, re2, random, steps, &result);
  if (!result.disagreement.empty()) return result;
  const absl::StatusOr<Node> tree = Parse(regex);
  if (!tree.ok()) return result;
  Budget budget(steps);
  const absl::StatusOr<Automaton> automaton = Automaton::FromTree(*tree, budget);
  if (!automaton.ok()) return result;
  const absl::StatusOr<Automaton> complement = Complement(*automaton, budget);
  if (!complement.ok()) return result;
  result.outcome = Comparison::Outcome::kCompared;
  const Literals literals = FindLiterals(*tree);
  const std::vector<Template> templates = AsTemplates(*tree);
  result.is_template = !templates.empty();

  const auto below = [random](uint32_t n) { return random->Below(n); };
  for (const Automaton* set : {&*automaton, &*complement}) {
    if (set->empty()) continue;
    texts.push_back(set->Shortest());
    for (int i = 0; i < 5; ++i) texts.push_back(set->Sample(below, random->Below(12)));
  }
  texts.insert(texts.end(), literals.texts.begin(), literals.texts.end());
  for (const std::string& text : texts) {
    const bool want = RE2::FullMatch(text, re2);
    ++result.texts;
    result.matches += want ? 1 : 0;
    const std::string wrong = WrongAnswer(text, want, *automaton, *complement, literals, templates);
    if (wrong.empty()) continue;
    result.disagreement =
        absl::StrCat("regex \"", absl::CHexEscape(regex), "\", text \"", absl::CHexEscape(text),
                     "\": RE2 says ", want ? "yes" : "no", ", not so ", wrong);
    return result;
  }
  // The printed tree means the same.
  const std::string printed = ToString(*tree);
  const absl::StatusOr<Automaton> again = Automaton::FromRegex(printed, budget);
  if (again.ok() && !(*again == *automaton)) {
    result.disagreement = absl::StrCat("regex \"", absl::CHexEscape(regex), "\" is printed as \"",
                                       absl::CHexEscape(printed), "\", which is another");
  }
  return result;
}

}  // namespace mesh::route::regex
