// Verdicts against experience: random tables, and requests that often reach their rules.
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/route/proof/difference.h"
#include "mesh/route/proof/random_table.h"
#include "mesh/route/proof/reachability.h"

namespace mesh::route::proof {
namespace {

std::string Show(const Witness& witness) {
  std::string text = absl::StrCat(witness.method, " ", witness.Url());
  for (const auto& [name, value] : witness.headers.entries()) {
    absl::StrAppend(&text, " [", name, ": ", value, "]");
  }
  return absl::StrCat(text, " random ", witness.random);
}

TEST(ProveRules, VerdictsHoldForRandomTables) {
  RandomTable random(7);
  std::map<Verdict, int> counts;
  int hidden_by_several = 0, empty_handed = 0;
  for (int round = 0; round < 800; ++round) {
    const auto hosts = random.VirtualHosts();
    const Table::Built built = Table::Build(hosts, random.Options());
    ASSERT_TRUE(built.errors.empty()) << built.errors[0].ToString();
    const auto proofs = ProveRules(*built.table, {});
    ASSERT_TRUE(proofs.ok()) << proofs.status();
    std::set<uint32_t> reached;
    for (int i = 0; i < 300; ++i) {
      const Witness request = random.AnyRequest();
      const Match match = built.table->Find(request.AsRequest());
      if (match.found()) reached.insert(match.rule);
    }
    for (const RuleProof& proof : *proofs) {
      ++counts[proof.verdict];
      SCOPED_TRACE(absl::StrCat("round ", round, " rule ", proof.rule.rule->id));
      switch (proof.verdict) {
        case Verdict::kUnreachable:
          ASSERT_EQ(reached.count(proof.rule.rule->id), 0u);
          ASSERT_FALSE(proof.reason.empty());
          if (proof.hidden_by.size() > 1) ++hidden_by_several;
          for (const RuleReference& hider : proof.hidden_by) {
            ASSERT_LT(hider.index, proof.rule.index);
          }
          break;
        case Verdict::kReachable: {
          ASSERT_TRUE(proof.witness.has_value());
          const Match match = built.table->Find(proof.witness->AsRequest());
          ASSERT_TRUE(match.found()) << Show(*proof.witness);
          ASSERT_EQ(match.rule, proof.rule.rule->id) << Show(*proof.witness);
          break;
        }
        case Verdict::kUnknown:
          ASSERT_FALSE(proof.reason.empty());
          // A rule that random requests find should not be too hard to find on purpose.
          if (reached.count(proof.rule.rule->id) > 0) ++empty_handed;
          break;
      }
    }
  }
  const int all =
      counts[Verdict::kReachable] + counts[Verdict::kUnreachable] + counts[Verdict::kUnknown];
  EXPECT_GT(counts[Verdict::kUnreachable], all / 20) << all;
  EXPECT_GT(hidden_by_several, 0);
  EXPECT_LT(counts[Verdict::kUnknown], all / 8) << all;
  EXPECT_LT(empty_handed, all / 100) << all;
  RecordProperty("rules", all);
  RecordProperty("unreachable", counts[Verdict::kUnreachable]);
  RecordProperty("unknown", counts[Verdict::kUnknown]);
  RecordProperty("empty_handed", empty_handed);
}

TEST(FindDifferences, HoldForRandomTables) {
  RandomTable random(11);
  int complete = 0, differing = 0, tables = 0;
  for (int round = 0; round < 250; ++round) {
    const auto hosts = random.VirtualHosts();
    const TableOptions options = random.Options();
    const Table::Built before = Table::Build(hosts, options);
    const Table::Built after = Table::Build(random.Mutate(hosts), options);
    ASSERT_TRUE(before.errors.empty() && after.errors.empty());
    const Fate fate = [](const Match& match) {
      return match.found() ? absl::StrCat("rule ", match.rule)
                           : absl::StrCat("outcome ", static_cast<int>(match.outcome));
    };
    const auto diff = FindDifferences(*before.table, fate, *after.table, fate, {});
    ASSERT_TRUE(diff.ok()) << diff.status();
    ++tables;
    for (const Difference& difference : diff->differences) {
      const Request request = difference.witness.AsRequest();
      ASSERT_EQ(fate(before.table->Find(request)), difference.before);
      ASSERT_EQ(fate(after.table->Find(request)), difference.after);
      ASSERT_NE(difference.before, difference.after);
    }
    std::set<std::pair<std::string, std::string>> known;
    for (const Difference& difference : diff->differences) {
      known.insert({difference.before, difference.after});
    }
    if (!known.empty()) ++differing;
    if (!diff->complete) {
      ASSERT_FALSE(diff->reason.empty());
      continue;
    }
    ++complete;
    for (int i = 0; i < 300; ++i) {
      const Witness request = random.AnyRequest();
      const std::string was = fate(before.table->Find(request.AsRequest()));
      const std::string is = fate(after.table->Find(request.AsRequest()));
      ASSERT_TRUE(was == is || known.count({was, is}) > 0)
          << "round " << round << ": " << Show(request) << ": " << was << " -> " << is;
    }
  }
  RecordProperty("complete", complete);
  RecordProperty("differing", differing);
  EXPECT_GT(complete, tables / 3);
  EXPECT_GT(differing, tables / 4);
}

}  // namespace
}  // namespace mesh::route::proof
