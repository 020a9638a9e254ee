// The index against the scan, over random tables.
#include "gtest/gtest.h"
#include "mesh/route/random_table.h"
#include "mesh/route/table.h"

namespace mesh::route {
namespace {

// Find uses the index, Explain walks rule by rule with RE2.
void Compare(uint64_t seed, const RandomOptions& options, const TableOptions& table_options,
             int requests) {
  Random random(seed);
  const Table::Built built = Table::Build(RandomTable(&random, options), table_options);
  ASSERT_NE(built.table, nullptr) << ToStatus(built.errors);
  for (int i = 0; i < requests; ++i) {
    const RandomRequest made = MakeRandomRequest(&random);
    const Request request = made.request();
    const Match found = built.table->Find(request);
    const Explanation scanned = built.table->Explain(request);
    ASSERT_EQ(static_cast<int>(found.outcome), static_cast<int>(scanned.match.outcome))
        << "seed " << seed << ": " << made.ToString() << "\n"
        << scanned.ToString();
    if (!found.found()) continue;
    ASSERT_EQ(found.virtual_host, scanned.match.virtual_host) << "seed " << seed;
    ASSERT_EQ(found.rule, scanned.match.rule) << "seed " << seed << ": " << made.ToString() << "\n"
                                              << scanned.ToString();
  }
}

TEST(RandomTest, SmallTables) {
  for (uint64_t seed = 0; seed < 1000 && !HasFatalFailure(); ++seed) {
    RandomOptions options;
    options.regexes = seed % 3 != 0;
    options.conditions = seed % 4 != 0;
    TableOptions table;
    table.ignore_path_parameters = seed % 7 == 0;
    Compare(seed, options, table, 40);
  }
}

TEST(RandomTest, TablesWithLongLists) {
  for (uint64_t seed = 0; seed < 40 && !HasFatalFailure(); ++seed) {
    RandomOptions options;
    options.max_hosts = 1;
    options.max_rules = 1000;
    Compare(1000000 + seed, options, {}, 40);
  }
}

TEST(RandomTest, OutOfMemoryRegexesAreAskedOneByOne) {
  for (uint64_t seed = 0; seed < 40 && !HasFatalFailure(); ++seed) {
    RandomOptions options;
    options.max_hosts = 1;
    options.max_rules = 300;
    TableOptions table;
    // Enough for one regex of this kind, not for many at once.
    table.regex_memory_bytes = 24 << 10;
    Compare(2000000 + seed, options, table, 40);
  }
}

}  // namespace
}  // namespace mesh::route
