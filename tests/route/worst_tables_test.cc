// Find against the scan over tables that a search found bad for it: instructions counted, not time.
#include "tests/route/worst_tables.h"

#include "gtest/gtest.h"
#include "tests/route/instruction_count.h"

namespace mesh::testing {
namespace {

// In instructions the machine's load does not show, but the C library's way of comparing bytes on
// this processor does, a little.
constexpr double kNeverAbove = 1.2;

struct Row {
  const char* name;
  const char* genes;
};

// Whether instructions can be counted here, by some that no compiler takes out.
bool TrapsCount() {
  return CountInstructions([] {
           for (volatile int i = 0; i < 10; i = i + 1) {
           }
         }) > 0;
}

TEST(WorstTablesTest, TheIndexNeverCostsMuchMoreThanTheScan) {
  if (!TrapsCount()) {
    GTEST_SKIP() << "this processor has no trap flag that we know";
  }
  // Each found by find_worst_tables, or by hand; the figure is what it was when it was kept.
  const Row rows[] = {
      {"the first rule hides all others", "00000000 00080000 00100000 00180000"},
      {"the first rule hides all others, without case", "05000000 05080000 05100000 05180000"},
      // 1.24
      {"a few prefixes side by side, without case", "05080000 05100000 05180000 05200000"},
      // 1.15
      {"a few prefixes side by side", "00080000 00100000 00180000 00200000"},
      // 1.65
      {"a few paths without case", "06080000 06100000 06180000 06200000"},
      // 1.27
      {"one regex", "03000000"},
      // 1.27
      {"one rule with a header", "00000100"},
      // 1.79, while regexes were asked before the rules that stand before them
      {"regexes behind rules with conditions",
       "d803bb5f 68babb78 9597bbdc cf87ba5f 68cbbb63 9597bbdc 9597bbdc cf87bb5f cf87bb5f"},
      // 1.27, likewise
      {"regexes at the root",
       "fb5e6c91 bf8a7278 f3c90014 4755253b 75209080 fb5e6c91 7f6633b5 67be00df bf8a7278"},
      // 1.13
      {"conditions that differ in one value",
       "686fbb5f 68babb5f 687fbb31 cf87bb5f 688fbb63 6897bbdc 689fbb5f 68a7bb5f"},
      {"a condition that all requests meet",
       "00001000 00001001 00001002 00001003 00001004 00001005 00001006 00001007"},
  };
  for (const Row& row : rows) {
    const Cost cost = Measure(MakeTable(FromText(row.genes)));
    EXPECT_LE(cost.ratio(), kNeverAbove)
        << row.name << ": " << cost.index << " instructions, the scan " << cost.scan;
  }
}

// Of each kind, and of all kinds, told apart by path or by a header.
TEST(WorstTablesTest, TenRulesAreNotSlowerThanTheScan) {
  if (!TrapsCount()) {
    GTEST_SKIP() << "this processor has no trap flag that we know";
  }
  std::vector<RuleGene> mixed;
  for (uint8_t kind = 0; kind < 8; ++kind) {
    for (const uint8_t conditions : {0, 1}) {
      std::vector<RuleGene> genes;
      for (uint8_t i = 0; i < 10; ++i) {
        const auto path = static_cast<uint8_t>(conditions == 0 ? 8 * (i + 1) : 8);
        genes.push_back({kind, path, conditions, i});
      }
      mixed.push_back(genes[kind]);
      const Cost cost = Measure(MakeTable(genes));
      EXPECT_LE(cost.ratio(), 1.0)
          << ToText(genes) << ": " << cost.index << " instructions, the scan " << cost.scan;
    }
  }
  mixed.resize(10);
  const Cost cost = Measure(MakeTable(mixed));
  EXPECT_LE(cost.ratio(), 1.0) << ToText(mixed);
}

}  // namespace
}  // namespace mesh::testing
