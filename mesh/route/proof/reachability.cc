#include "mesh/route/proof/reachability.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/route/proof/cover.h"
#include "mesh/route/proof/model.h"
#include "mesh/route/proof/trial.h"

namespace mesh::route::proof {
namespace {

// Sets of hiders no larger than this are made as small as possible.
constexpr size_t kMaxToMinimize = 12;

// Proves the rules of one virtual host, in order.
class HostProver {
 public:
  HostProver(const Table& table, const Trial& trial, uint32_t host, const Options& options,
             regex::Budget& budget)
      : table_(table),
        trial_(trial),
        host_(host),
        plain_(*table.virtual_hosts()[host]),
        options_(options),
        budget_(budget),
        model_(options.non_ascii, SeesWholePath(plain_) && !table.options().ignore_path_parameters,
               options.steps_per_rule, budget) {}

  void Run(std::vector<RuleProof>* out) {
    candidates_ = model_.CandidatesOf(plain_, table_.options());
    randoms_ = RandomsOf(plain_);
    entry_ = model_.PastTls(plain_.require_tls);
    if (model_.SeesHost(table_.options())) {
      model_.PreferHosts(trial_.HostsOf(host_), table_.options());
      entry_ = model_.Intersect(entry_,
                                {model_.HostsOf(table_.virtual_hosts(), host_, table_.options())});
    }
    for (uint32_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].rule != nullptr) out->push_back(Prove(candidates_[i]));
      for (const Box& box : candidates_[i].boxes) covers_.push_back({&box, i});
    }
  }

 private:
  RuleReference Reference(const Candidate& candidate) const {
    return {host_, candidate.index, candidate.rule};
  }

  bool Reaches(const Candidate& candidate, const Point& point, RuleProof* proof) const {
    for (const std::string& host : trial_.HostsOf(host_)) {
      for (Witness& witness :
           RequestsFor(model_, point, HostHeaders(table_.options()), host, randoms_)) {
        if (trial_.Ask(witness).rule != candidate.rule) continue;
        proof->witness = std::move(witness);
        return true;
      }
    }
    return false;
  }

  RuleProof Prove(const Candidate& candidate) {
    RuleProof proof;
    proof.rule = Reference(candidate);
    if (candidate.boxes.empty()) {
      proof.verdict = Verdict::kUnreachable;
      proof.reason = candidate.impossible;
      return proof;
    }
    const std::vector<Box> boxes = model_.Intersect(candidate.boxes, entry_);
    if (boxes.empty()) {
      proof.verdict = Verdict::kUnreachable;
      proof.reason = "its conditions exclude what its virtual host demands (TLS, domains)";
      return proof;
    }
    std::vector<uint32_t> owners;
    bool covered = true, spent = false;
    for (const Box& box : boxes) {
      regex::Budget budget(std::min(options_.steps_per_rule, budget_.left()), options_.deadline);
      const int64_t left = budget.left();
      const Coverage coverage = FindOutside(
          model_, box, covers_,
          [&](const Point& point) { return Reaches(candidate, point, &proof); }, budget);
      spent = spent || !budget.Spend(0);
      budget_.Spend(left - budget.left());
      if (coverage.answer == Coverage::Answer::kOutside) {
        proof.verdict = Verdict::kReachable;
        return proof;
      }
      if (coverage.answer == Coverage::Answer::kSpent) covered = false;
      owners.insert(owners.end(), coverage.owners.begin(), coverage.owners.end());
    }
    if (!covered) {
      proof.reason =
          spent ? "the budget was spent" : "no request could be made up that the table gives to it";
      return proof;
    }
    std::sort(owners.begin(), owners.end());
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    if (owners.size() > 1 && owners.size() <= kMaxToMinimize) Minimize(boxes, &owners);
    proof.verdict = Verdict::kUnreachable;
    for (uint32_t owner : owners) {
      if (candidates_[owner].rule != nullptr) {
        proof.hidden_by.push_back(Reference(candidates_[owner]));
      }
    }
    if (proof.hidden_by.empty()) {
      proof.reason = "an earlier action of the match tree takes all its requests";
    } else if (proof.hidden_by.size() == 1) {
      proof.reason = "an earlier rule takes all its requests";
    } else {
      proof.reason =
          absl::StrCat(proof.hidden_by.size(), " earlier rules together take all its requests");
    }
    return proof;
  }

  // Leaves out owners that the others do without.
  void Minimize(const std::vector<Box>& boxes, std::vector<uint32_t>* owners) {
    for (size_t i = owners->size(); i-- > 0 && owners->size() > 1;) {
      std::vector<uint32_t> fewer = *owners;
      fewer.erase(fewer.begin() + i);
      std::vector<Cover> covers;
      for (uint32_t owner : fewer) {
        for (const Box& box : candidates_[owner].boxes) covers.push_back({&box, owner});
      }
      const bool enough = std::all_of(boxes.begin(), boxes.end(), [&](const Box& box) {
        regex::Budget budget(std::min(options_.steps_per_rule, budget_.left()), options_.deadline);
        const int64_t left = budget.left();
        const Coverage coverage = FindOutside(
            model_, box, covers, [](const Point&) { return true; }, budget);
        budget_.Spend(left - budget.left());
        return coverage.answer == Coverage::Answer::kCovered;
      });
      if (enough) *owners = std::move(fewer);
    }
  }

  const Table& table_;
  const Trial& trial_;
  const uint32_t host_;
  const VirtualHost& plain_;
  const Options& options_;
  regex::Budget& budget_;
  Model model_;
  std::vector<Candidate> candidates_;
  std::vector<Box> entry_;
  std::vector<Cover> covers_;
  std::vector<uint64_t> randoms_;
};

}  // namespace

absl::StatusOr<std::vector<RuleProof>> ProveRules(const Table& table, const Options& options) {
  absl::StatusOr<Trial> trial = Trial::Build(table);
  if (!trial.ok()) return trial.status();
  regex::Budget budget(options.steps, options.deadline);
  std::vector<RuleProof> proofs;
  for (uint32_t i = 0; i < table.virtual_hosts().size(); ++i) {
    HostProver(table, *trial, i, options, budget).Run(&proofs);
  }
  return proofs;
}

}  // namespace mesh::route::proof
