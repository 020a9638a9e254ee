// For each pair of virtual hosts, one of each table, that some host chooses in both: every pair of
// rules that share a request and give it different fates. "No rule" at the end and "TLS required"
// at the beginning count as rules.
#include "mesh/route/proof/difference.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/route/proof/condition_text.h"
#include "mesh/route/proof/cover.h"
#include "mesh/route/proof/model.h"
#include "mesh/route/proof/trial.h"

namespace mesh::route::proof {
namespace {

constexpr int64_t kNone = -1;  // instead of a virtual host
// Pairs of wildcards that are tried for a common host.
constexpr size_t kMaxWildcardPairs = 20'000;

struct Side {
  const Table& table;
  const Fate& fate;
  const Trial& trial;
};

Match MatchOf(Match::Outcome outcome, int64_t host, const Rule* rule) {
  Match match;
  match.outcome = outcome;
  if (host != kNone) match.virtual_host = static_cast<uint32_t>(host);
  if (rule != nullptr) match.rule = rule->id;
  return match;
}

// A virtual host as a list of what is tried, each with its fate.
struct Line {
  Candidate candidate;
  Match::Outcome outcome = Match::Outcome::kNoRule;
  std::string fate;
};

std::vector<Line> LinesOf(const Side& side, int64_t host, Model* model) {
  std::vector<Line> lines;
  const auto add = [&](Candidate candidate, Match::Outcome outcome) {
    std::string fate = side.fate(MatchOf(outcome, host, candidate.rule));
    lines.push_back({std::move(candidate), outcome, std::move(fate)});
  };
  Candidate rest;
  rest.boxes.push_back(Box());
  if (host == kNone) {
    add(rest, Match::Outcome::kNoVirtualHost);
    return lines;
  }
  const VirtualHost& plain = *side.table.virtual_hosts()[host];
  Candidate stopped;
  stopped.boxes = model->StoppedByTls(plain.require_tls);
  if (!stopped.boxes.empty()) add(stopped, Match::Outcome::kTlsRequired);
  for (Candidate& candidate : model->CandidatesOf(plain, side.table.options())) {
    const bool rule = candidate.rule != nullptr;
    add(std::move(candidate), rule ? Match::Outcome::kRule : Match::Outcome::kNoRule);
  }
  add(rest, Match::Outcome::kNoRule);
  return lines;
}

// What decides a request of this virtual host, as one text.
void PutFates(const Side& side, int64_t host, const std::vector<Rule>& rules, std::string* out) {
  for (const Rule& rule : rules) {
    const std::string fate = side.fate(MatchOf(Match::Outcome::kRule, host, &rule));
    absl::StrAppend(out, TextOf(rule), fate.size(), ":", fate);
  }
}

void PutFates(const Side& side, int64_t host, const MatchTree& tree, std::string* out);

void PutFates(const Side& side, int64_t host, const MatchTree::OnMatch& on, std::string* out) {
  PutFates(side, host, on.rules, out);
  if (on.tree != nullptr) PutFates(side, host, *on.tree, out);
}

void PutFates(const Side& side, int64_t host, const MatchTree& tree, std::string* out) {
  for (const auto& [predicate, on] : tree.list) PutFates(side, host, on, out);
  for (const auto& [key, on] : tree.map) PutFates(side, host, on, out);
  if (tree.otherwise) PutFates(side, host, *tree.otherwise, out);
}

std::string FatesOf(const Side& side, int64_t host) {
  if (host == kNone) return side.fate(MatchOf(Match::Outcome::kNoVirtualHost, host, nullptr));
  const VirtualHost& plain = *side.table.virtual_hosts()[host];
  std::string text = absl::StrCat(static_cast<int>(plain.require_tls),
                                  side.table.options().ignore_path_parameters, ";");
  if (plain.require_tls != TlsRequirement::kNone) {
    absl::StrAppend(&text, side.fate(MatchOf(Match::Outcome::kTlsRequired, host, nullptr)), ";");
  }
  absl::StrAppend(&text, side.fate(MatchOf(Match::Outcome::kNoRule, host, nullptr)), ";");
  PutFates(side, host, plain.rules, &text);
  if (plain.tree != nullptr) {
    absl::StrAppend(&text, TextOf(*plain.tree));
    PutFates(side, host, *plain.tree, &text);
  }
  return text;
}

// For each line the first line of `others` with the same rule, else the last line. Rules of match
// trees have no place: what leads to them counts, too.
std::vector<size_t> SamePlaces(const std::vector<Line>& lines, const std::vector<Line>& others,
                               bool comparable) {
  const auto plain = [](const std::vector<Line>& in) {
    // A tree's actions end with lines that have no rule; else only the last and perhaps the first.
    for (size_t i = 1; i + 1 < in.size(); ++i) {
      if (in[i].candidate.rule == nullptr) return false;
    }
    return true;
  };
  std::vector<size_t> places(lines.size(), others.size() - 1);
  if (!comparable || !plain(lines) || !plain(others)) return places;
  std::map<std::string, size_t> first;
  for (size_t j = 0; j < others.size(); ++j) {
    const Rule* rule = others[j].candidate.rule;
    // Without boxes: in an action that is never taken.
    if (rule != nullptr && !others[j].candidate.boxes.empty()) first.emplace(TextOf(*rule), j);
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const Rule* rule = lines[i].candidate.rule;
    if (rule == nullptr) continue;
    if (const auto it = first.find(TextOf(*rule)); it != first.end()) places[i] = it->second;
  }
  return places;
}

class Comparison {
 public:
  Comparison(const Side& before, const Side& after, const DifferenceOptions& options)
      : before_(before),
        after_(after),
        options_(options),
        budget_(options.steps, options.deadline),
        host_headers_(HostHeaders(before.table.options())) {
    for (std::string& name : HostHeaders(after.table.options())) {
      host_headers_.push_back(std::move(name));
    }
  }

  Differences Run() {
    for (const auto& [pair, hosts] : HostPairs()) {
      if (Full()) break;
      ComparePair(pair.first, pair.second, hosts);
    }
    return std::move(result_);
  }

 private:
  using HostPair = std::pair<int64_t, int64_t>;

  bool Full() {
    if (static_cast<int>(result_.differences.size()) < options_.max_differences) return false;
    Incomplete("there may be more differences than were asked for");
    return true;
  }

  void Incomplete(std::string_view reason) {
    result_.complete = false;
    if (result_.reason.empty()) result_.reason = std::string(reason);
  }

  static int64_t HostOf(const Trial& trial, const Witness& witness) {
    const Match match = trial.Ask(witness).match;
    return match.outcome == Match::Outcome::kNoVirtualHost
               ? kNone
               : static_cast<int64_t>(match.virtual_host);
  }

  // Virtual hosts that one host chooses in both tables, with such hosts.
  std::map<HostPair, std::vector<std::string>> HostPairs() {
    std::set<std::string> domains = {"some-other-host-1"};
    for (const Side* side : {&before_, &after_}) {
      for (const auto& host : side->table.virtual_hosts()) {
        domains.insert(host->domains.begin(), host->domains.end());
      }
    }
    std::vector<std::string> prefixes, suffixes;
    std::map<HostPair, std::vector<std::string>> pairs;
    const auto add = [&](const std::string& host) {
      const Witness witness = RequestTo(host, host_headers_);
      std::vector<std::string>& hosts =
          pairs[{HostOf(before_.trial, witness), HostOf(after_.trial, witness)}];
      if (hosts.size() < 2) hosts.push_back(host);
    };
    for (const std::string& domain : domains) {
      for (const std::string& host : HostsLike(domain)) add(host);
      if (domain.size() < 2) continue;
      if (domain.front() == '*') suffixes.push_back(domain.substr(1));
      if (domain.back() == '*') prefixes.push_back(domain.substr(0, domain.size() - 1));
    }
    if (prefixes.size() * suffixes.size() > kMaxWildcardPairs) {
      Incomplete("there are too many wildcard domains to try all pairs of them");
      return pairs;
    }
    for (const std::string& prefix : prefixes) {
      for (const std::string& suffix : suffixes) add(absl::StrCat(prefix, "a", suffix));
    }
    return pairs;
  }

  void ComparePair(int64_t before_host, int64_t after_host, const std::vector<std::string>& hosts) {
    if (FatesOf(before_, before_host) == FatesOf(after_, after_host)) return;
    bool whole_path = false, ignores_parameters = false;
    std::vector<uint64_t> randoms;
    const auto look = [&](const Side& side, int64_t host) {
      ignores_parameters = ignores_parameters || side.table.options().ignore_path_parameters;
      if (host == kNone) return;
      const VirtualHost& plain = *side.table.virtual_hosts()[host];
      whole_path = whole_path || SeesWholePath(plain);
      for (uint64_t random : RandomsOf(plain)) randoms.push_back(random);
    };
    look(before_, before_host);
    look(after_, after_host);
    Model model(options_.non_ascii, whole_path && !ignores_parameters, options_.steps_per_rule,
                budget_);
    const std::vector<Line> befores = LinesOf(before_, before_host, &model);
    const std::vector<Line> afters = LinesOf(after_, after_host, &model);
    std::vector<Box> entry = {Box()};
    const auto enter = [&](const Side& side, int64_t host) {
      if (host == kNone || !model.SeesHost(side.table.options())) return;
      model.PreferHosts(hosts, side.table.options());
      entry = model.Intersect(
          entry, {model.HostsOf(side.table.virtual_hosts(), static_cast<uint32_t>(host),
                                side.table.options())});
    };
    enter(before_, before_host);
    enter(after_, after_host);

    // A rule's requests end at the latest where the same rule stands in the other table.
    const bool comparable = before_.table.options().ignore_path_parameters ==
                            after_.table.options().ignore_path_parameters;
    const std::vector<size_t> last_after = SamePlaces(befores, afters, comparable);
    const std::vector<size_t> last_before = SamePlaces(afters, befores, comparable);
    for (size_t i = 0; i < befores.size(); ++i) {
      for (size_t j = 0; j <= last_after[i]; ++j) {
        if (i > last_before[j] || befores[i].fate == afters[j].fate) continue;
        if (Full()) return;
        // Whether the tables do what the lines say, for some request that the point stands for.
        const auto accepts = [&](const Point& point) {
          for (const std::string& host : hosts) {
            for (Witness& witness : RequestsFor(model, point, host_headers_, host, randoms)) {
              if (Record(std::move(witness), befores[i], afters[j])) return true;
            }
          }
          return false;
        };
        CompareLines(befores, i, afters, j, entry, model, accepts);
      }
    }
  }

  void CompareLines(const std::vector<Line>& befores, size_t i, const std::vector<Line>& afters,
                    size_t j, const std::vector<Box>& entry, Model& model,
                    const std::function<bool(const Point&)>& accepts) {
    for (const Box& x : befores[i].candidate.boxes) {
      for (const Box& y : afters[j].candidate.boxes) {
        if (x.SurelyDisjoint(y)) continue;
        const std::optional<Box> both = model.Intersect(x, y);
        if (!both) continue;
        std::vector<Cover> covers;
        for (size_t k = 0; k < i; ++k) {
          for (const Box& box : befores[k].candidate.boxes) covers.push_back({&box, 0});
        }
        for (size_t k = 0; k < j; ++k) {
          for (const Box& box : afters[k].candidate.boxes) covers.push_back({&box, 0});
        }
        for (const Box& box : model.Intersect({*both}, entry)) {
          regex::Budget budget(std::min(options_.steps_per_rule, budget_.left()),
                               options_.deadline);
          const int64_t left = budget.left();
          const Coverage coverage = FindOutside(model, box, covers, accepts, budget);
          const bool spent = !budget.Spend(0);
          budget_.Spend(left - budget.left());
          if (coverage.answer == Coverage::Answer::kOutside) return;
          if (coverage.answer == Coverage::Answer::kSpent) {
            Incomplete(spent ? "the budget was spent"
                             : "no request could be made up for two rules that may differ");
          }
        }
      }
    }
  }

  // Kept if the tables differ on it and it is the first for its two rules. True: its rules are
  // those of the two lines.
  bool Record(Witness witness, const Line& line_before, const Line& line_after) {
    const Trial::Answer before = before_.trial.Ask(witness);
    const Trial::Answer after = after_.trial.Ask(witness);
    Difference difference;
    difference.before_match = before.match;
    difference.after_match = after.match;
    difference.before = before_.fate(before.match);
    difference.after = after_.fate(after.match);
    if (difference.before == difference.after) return false;
    const auto place = [](const Trial::Answer& answer) {
      return std::make_tuple(answer.match.outcome, answer.match.virtual_host, answer.rule);
    };
    if (seen_.insert({place(before), place(after)}).second) {
      difference.witness = std::move(witness);
      result_.differences.push_back(std::move(difference));
    }
    const auto is = [](const Trial::Answer& answer, const Line& line) {
      return answer.match.outcome == line.outcome && answer.rule == line.candidate.rule;
    };
    return is(before, line_before) && is(after, line_after);
  }

  const Side before_;
  const Side after_;
  const DifferenceOptions& options_;
  regex::Budget budget_;
  std::vector<std::string> host_headers_;
  using Place = std::tuple<Match::Outcome, uint32_t, const Rule*>;
  std::set<std::pair<Place, Place>> seen_;
  Differences result_;
};

}  // namespace

absl::StatusOr<Differences> FindDifferences(const Table& before, const Fate& fate_before,
                                            const Table& after, const Fate& fate_after,
                                            const DifferenceOptions& options) {
  const absl::StatusOr<Trial> trial_before = Trial::Build(before);
  if (!trial_before.ok()) return trial_before.status();
  const absl::StatusOr<Trial> trial_after = Trial::Build(after);
  if (!trial_after.ok()) return trial_after.status();
  const Side side_before{before, fate_before, *trial_before};
  const Side side_after{after, fate_after, *trial_after};
  return Comparison(side_before, side_after, options).Run();
}

}  // namespace mesh::route::proof
