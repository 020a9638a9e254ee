// Tables that Find was once bad at: a figure is what it was when the table was kept.
#include "absl/strings/str_cat.h"
#include "tests/route/worst_tables.h"

namespace mesh::testing {

std::vector<KeptTable> KeptTables() {
  const struct {
    const char* name;
    const char* genes;
  } kRows[] = {
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
  std::vector<KeptTable> tables;
  for (const auto& row : kRows) tables.push_back({row.name, FromText(row.genes)});
  return tables;
}

std::vector<KeptTable> TablesOfTen() {
  std::vector<KeptTable> tables;
  std::vector<RuleGene> mixed;
  for (uint8_t kind = 0; kind < 8; ++kind) {
    for (const uint8_t conditions : {0, 1}) {
      std::vector<RuleGene> genes;
      for (uint8_t i = 0; i < 10; ++i) {
        const auto path = static_cast<uint8_t>(conditions == 0 ? 8 * (i + 1) : 8);
        genes.push_back({kind, path, conditions, i});
      }
      mixed.push_back(genes[kind]);
      tables.push_back({absl::StrCat("ten of kind ", kind, conditions != 0 ? ", by header" : ""),
                        std::move(genes)});
    }
  }
  mixed.resize(10);
  tables.push_back({"ten of all kinds", std::move(mixed)});
  return tables;
}

std::vector<KeptTable> TablesWithoutCase() {
  constexpr uint8_t kPrefix = 0, kPrefixWithoutCase = 5, kPathWithoutCase = 6;
  const auto table = [](std::initializer_list<std::pair<uint8_t, int>> parts, uint8_t stem) {
    std::vector<RuleGene> genes;
    for (const auto& [kind, count] : parts) {
      for (int i = 0; i < count; ++i) {
        genes.push_back({kind, static_cast<uint8_t>(8 * (genes.size() + 1) + stem), 0, 0});
      }
    }
    return genes;
  };
  return {
      // 2.20
      {"13 prefixes without case", table({{kPrefixWithoutCase, 13}}, 0)},
      {"20 prefixes without case, long", table({{kPrefixWithoutCase, 20}}, 3)},
      // 2.09
      {"20 paths without case", table({{kPathWithoutCase, 20}}, 0)},
      // 2.57
      {"4 prefixes without case before 12 with",
       table({{kPrefixWithoutCase, 4}, {kPrefix, 12}}, 0)},
  };
}

}  // namespace mesh::testing
