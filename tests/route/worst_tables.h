// Tables out of a few bytes a rule, one request for each rule, and what Find costs for them beside
// the scan: what the search for bad tables changes, and what the test keeps of its finds.
#ifndef TESTS_ROUTE_WORST_TABLES_H_
#define TESTS_ROUTE_WORST_TABLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mesh/http/headers.h"
#include "mesh/route/rule.h"

namespace mesh::testing {

// One rule: how its path matches, which path, which conditions, which values.
struct RuleGene {
  uint8_t kind = 0;
  uint8_t path = 0;
  uint8_t conditions = 0;
  uint8_t value = 0;
};

struct GeneratedTable {
  std::shared_ptr<const route::VirtualHost> host;
  struct Asked {
    std::string method = "GET", path;
    http::HeaderList headers;
  };
  // For each rule one that satisfies it, then two that satisfy none by their path.
  std::vector<Asked> asked;
};
GeneratedTable MakeTable(const std::vector<RuleGene>& genes);

// Instructions of Find for all of the table's requests, by the index and by the scan.
struct Cost {
  uint64_t index = 0;
  uint64_t scan = 0;
  double worst_request = 0;  // of one request: index over scan
  double ratio() const { return scan == 0 ? 0 : static_cast<double>(index) / scan; }
};
Cost Measure(const GeneratedTable& table);

// "kind.path.conditions.value ...", in hexadecimal, and back.
std::string ToText(const std::vector<RuleGene>& genes);
std::vector<RuleGene> FromText(const std::string& text);

struct KeptTable {
  std::string name;
  std::vector<RuleGene> genes;
};
// What was found to be bad, by find_worst_tables or by hand.
std::vector<KeptTable> KeptTables();
// Ten rules of each kind, and of all kinds, told apart by path or by a header.
std::vector<KeptTable> TablesOfTen();
// More rules than are scanned, without case and without conditions: here each single request
// counts.
std::vector<KeptTable> TablesWithoutCase();

}  // namespace mesh::testing

#endif  // TESTS_ROUTE_WORST_TABLES_H_
