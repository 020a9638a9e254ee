#include "mesh/authz/engine.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mesh/authz/evaluate.h"
#include "mesh/authz/rule_index.h"
#include "mesh/base/strings.h"

namespace mesh::authz {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// What a rule that matches is good for.
enum Role { kDenies, kAllows, kAudits, kAsks, kDryRun, kRoles };

Role RoleOf(const Rule& rule) {
  if (rule.dry_run) return kDryRun;
  switch (rule.action) {
    case Action::kAllow:
      return kAllows;
    case Action::kDeny:
      return kDenies;
    case Action::kAudit:
      return kAudits;
    case Action::kCustom:
      return kAsks;
  }
  return kDenies;
}

}  // namespace

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kAllow:
      return "ALLOW";
    case Action::kDeny:
      return "DENY";
    case Action::kAudit:
      return "AUDIT";
    case Action::kCustom:
      return "CUSTOM";
  }
  return "";
}

std::string Rule::ToString() const {
  const std::string at = position.ToString();
  return absl::StrCat(Absl(ActionName(action)), " policy ", policy, " rule ", index,
                      at.empty() ? "" : " (", at, at.empty() ? "" : ")");
}

std::string Decision::ToString() const {
  switch (why) {
    case Why::kNoPolicy:
      return "allowed: no policy denies it and none asks for more";
    case Why::kAllowed:
      return "allowed by " + rule->ToString();
    case Why::kDenied:
      return "denied by " + rule->ToString();
    case Why::kNotAllowed:
      return "denied: no rule of the ALLOW policies matches";
    case Why::kMalformed:
      return "denied: its method, host or path cannot be judged";
  }
  return "";
}

struct Engine::Rep {
  std::vector<Rule> rules;
  std::vector<Evaluator> evaluators;
  std::vector<Role> roles;
  RuleIndex index;
  bool has_allow = false;
  bool enforces = false;  // some rule is more than a dry run

  // `first` holds the number of the first rule that matches, by role.
  Decision Decide(bool well_formed, const uint32_t (&first)[kRoles]) const {
    const auto rule = [&](Role role) {
      return first[role] == kNone ? nullptr : &rules[first[role]];
    };
    Decision decision;
    decision.ask = rule(kAsks);
    decision.audit = rule(kAudits);
    decision.dry_run = rule(kDryRun);
    if (enforces && !well_formed) {
      decision.why = Decision::Why::kMalformed;
    } else if (first[kDenies] != kNone) {
      decision.why = Decision::Why::kDenied;
      decision.rule = rule(kDenies);
    } else if (!has_allow) {
      decision.allowed = true;
      decision.why = Decision::Why::kNoPolicy;
    } else if (first[kAllows] != kNone) {
      decision.allowed = true;
      decision.why = Decision::Why::kAllowed;
      decision.rule = rule(kAllows);
    } else {
      decision.why = Decision::Why::kNotAllowed;
    }
    return decision;
  }
};

Engine::Engine(std::unique_ptr<const Rep> rep) : rep_(std::move(rep)) {}
Engine::~Engine() = default;

absl::StatusOr<std::shared_ptr<const Engine>> Engine::Build(std::vector<Rule> rules) {
  auto rep = std::make_unique<Rep>();
  rep->rules = std::move(rules);
  rep->evaluators.resize(rep->rules.size());
  for (size_t i = 0; i < rep->rules.size(); ++i) {
    const Rule& rule = rep->rules[i];
    const std::string wrong = Evaluator::Build(rule.condition, &rep->evaluators[i]);
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(rule.ToString(), ": ", wrong));
    }
    rep->index.Add(static_cast<uint32_t>(i), rule.condition);
    rep->roles.push_back(RoleOf(rule));
    rep->has_allow |= rep->roles.back() == kAllows;
    rep->enforces |= rep->roles.back() != kDryRun && rep->roles.back() != kAudits;
  }
  rep->index.Finish();
  return std::shared_ptr<const Engine>(new Engine(std::move(rep)));
}

Decision Engine::Decide(const Request& request) const {
  const Rep& rep = *rep_;
  uint32_t first[kRoles] = {kNone, kNone, kNone, kNone, kNone};
  Subject subject(request);
  rep.index.ForEachCandidate(&subject, [&](uint32_t number) {
    uint32_t& found = first[rep.roles[number]];
    if (number < found && rep.evaluators[number].Holds(&subject)) found = number;
  });
  return rep.Decide(subject.WellFormed(), first);
}

Explanation Engine::Explain(const Request& request) const {
  const Rep& rep = *rep_;
  uint32_t first[kRoles] = {kNone, kNone, kNone, kNone, kNone};
  Subject subject(request);
  Explanation explanation;
  for (uint32_t i = 0; i < rep.rules.size(); ++i) {
    const bool matched = rep.evaluators[i].Holds(&subject);
    uint32_t& found = first[rep.roles[i]];
    if (matched && found == kNone) found = i;
    explanation.rules.push_back(
        {&rep.rules[i], matched, matched ? "" : rep.evaluators[i].FirstFailure(&subject)});
  }
  explanation.decision = rep.Decide(subject.WellFormed(), first);
  return explanation;
}

const std::vector<Rule>& Engine::rules() const { return rep_->rules; }

}  // namespace mesh::authz
