// Find against the scan over tables that a search found bad for it: instructions counted, not time.
#include "tests/route/worst_tables.h"

#include "gtest/gtest.h"
#include "tests/route/instruction_count.h"

namespace mesh::testing {
namespace {

// In instructions the machine's load does not show, but the C library's way of comparing bytes on
// this processor does, a little.
constexpr double kNeverAbove = 1.2;

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
  for (const KeptTable& kept : KeptTables()) {
    const Cost cost = Measure(MakeTable(kept.genes));
    EXPECT_LE(cost.ratio(), kNeverAbove)
        << kept.name << ": " << cost.index << " instructions, the scan " << cost.scan;
  }
}

TEST(WorstTablesTest, WithoutCaseNoSingleRequestCostsMuchMoreThanTheScan) {
  if (!TrapsCount()) {
    GTEST_SKIP() << "this processor has no trap flag that we know";
  }
  for (const KeptTable& kept : TablesWithoutCase()) {
    const Cost cost = Measure(MakeTable(kept.genes));
    EXPECT_LE(cost.worst_request, kNeverAbove) << kept.name;
    EXPECT_LE(cost.ratio(), 0.8) << kept.name << ": " << cost.index << " instructions, the scan "
                                 << cost.scan;
  }
}

TEST(WorstTablesTest, TenRulesAreNotSlowerThanTheScan) {
  if (!TrapsCount()) {
    GTEST_SKIP() << "this processor has no trap flag that we know";
  }
  for (const KeptTable& ten : TablesOfTen()) {
    const Cost cost = Measure(MakeTable(ten.genes));
    EXPECT_LE(cost.ratio(), 1.0) << ten.name << ", " << ToText(ten.genes) << ": " << cost.index
                                 << " instructions, the scan " << cost.scan;
  }
}

}  // namespace
}  // namespace mesh::testing
