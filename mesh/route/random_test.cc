// The index against the scan, over random tables.
#include "gtest/gtest.h"
#include "mesh/route/random_table.h"
#include "mesh/route/table.h"

namespace mesh::route {
namespace {

// The index against rule by rule with RE2.
void Compare(uint64_t seed, const RandomOptions& options, TableOptions table_options,
             int requests) {
  Random random(seed);
  const auto hosts = RandomTable(&random, options);
  const Table::Built built = Table::Build(hosts, table_options);
  ASSERT_NE(built.table, nullptr) << ToStatus(built.errors);
  table_options.index = false;
  table_options.regex_memory_bytes = TableOptions().regex_memory_bytes;
  const Table::Built plain = Table::Build(hosts, table_options);
  ASSERT_NE(plain.table, nullptr) << ToStatus(plain.errors);
  for (int i = 0; i < requests; ++i) {
    const RandomRequest made = MakeRandomRequest(&random);
    const Request request = made.request();
    const Match found = built.table->Find(request);
    const Match scanned = plain.table->Find(request);
    if (found.outcome == scanned.outcome && found.virtual_host == scanned.virtual_host &&
        found.rule == scanned.rule) {
      continue;
    }
    FAIL() << "seed " << seed << ": " << made.ToString() << "\nFind says rule " << found.rule
           << "\n"
           << built.table->Explain(request).ToString();
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

// Found by the fuzzer: with all numbers zero a request had cookies without end.
TEST(RandomTest, AFuzzersSpentBytesStillMakeARequest) {
  const uint8_t bytes[] = {0x0a, 0x0a};
  Random random(bytes, sizeof(bytes));
  EXPECT_FALSE(RandomTable(&random).empty());
  EXPECT_EQ(MakeRandomRequest(&random).method, "GET");
  EXPECT_TRUE(random.spent());
}

}  // namespace
}  // namespace mesh::route
