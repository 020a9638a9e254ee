#include "tests/route/worst_tables.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mesh/route/table.h"
#include "tests/route/instruction_count.h"

namespace mesh::testing {
namespace {

using route::PathMatch;
using route::StringMatch;

// Paths that begin alike, lie below each other, or differ in their last byte.
std::string PathText(uint8_t number) {
  static constexpr const char* kStems[] = {"/", "/a", "/a/b",
                                           "/api/v1/a-long-name-that-many-share/x"};
  std::string text = kStems[number & 3];
  const int variant = number >> 3;
  if (variant > 0) absl::StrAppend(&text, text.back() == '/' ? "" : "/", "n", variant);
  if ((number & 4) != 0 && text.back() != '/') text += '/';
  return text;
}

route::HeaderMatch Header(std::string name, StringMatch::Kind kind, std::string text) {
  route::HeaderMatch match;
  match.name = std::move(name);
  match.value = {kind, false, std::move(text)};
  return match;
}

void AddConditions(const RuleGene& gene, route::Rule* rule, GeneratedTable::Asked* asked) {
  const int which = gene.value & 15;
  const std::string value = absl::StrCat("v", which);
  const std::string name = absl::StrCat("x-h", gene.value >> 4);
  const auto have = [&](const std::string& key, const std::string& text) {
    std::string_view known;
    if (asked->headers.Find(key, &known, 1) == 0) asked->headers.Add(key, text);
  };
  if ((gene.conditions & 1) != 0) {
    rule->conditions.push_back(Header(name, StringMatch::Kind::kExact, value));
    have(name, value);
  }
  if ((gene.conditions & 2) != 0) {
    rule->conditions.push_back(Header("x-stage", StringMatch::Kind::kExact, value));
    have("x-stage", value);
  }
  if ((gene.conditions & 4) != 0) {
    route::QueryMatch query;
    query.name = "q";
    query.value = StringMatch{StringMatch::Kind::kExact, false, value};
    rule->conditions.push_back(query);
    absl::StrAppend(&asked->path, "?q=", value);
  }
  if ((gene.conditions & 8) != 0) {
    rule->conditions.push_back(Header("x-regex", StringMatch::Kind::kRegex, value + "[a-z]*"));
    have("x-regex", value + "abc");
  }
  if ((gene.conditions & 16) != 0) {
    rule->conditions.push_back(Header("x-prefix", StringMatch::Kind::kPrefix, "v"));
    have("x-prefix", value);
  }
  if ((gene.conditions & 32) != 0) {
    rule->conditions.push_back(
        Header(":method", StringMatch::Kind::kExact, which % 2 == 0 ? "GET" : "PUT"));
    asked->method = which % 2 == 0 ? "GET" : "PUT";
  }
}

}  // namespace

GeneratedTable MakeTable(const std::vector<RuleGene>& genes) {
  GeneratedTable table;
  auto host = std::make_shared<route::VirtualHost>();
  host->name = "generated";
  host->domains = {"*"};
  for (const RuleGene& gene : genes) {
    route::Rule rule;
    GeneratedTable::Asked asked;
    const std::string text = PathText(gene.path);
    const std::string below = absl::StrCat(text, text.back() == '/' ? "" : "/");
    rule.id = static_cast<uint32_t>(host->rules.size());
    asked.headers.Add("user-agent", "generated");
    switch (gene.kind % 8) {
      case 0:
        rule.path = {PathMatch::Kind::kPrefix, false, text};
        asked.path = text + "rest";
        break;
      case 1:
        rule.path = {PathMatch::Kind::kExact, false, text};
        asked.path = text;
        break;
      case 2:
        rule.path = {PathMatch::Kind::kRegex, false, below + "[^/]+/t[^/]*"};
        asked.path = below + "one/two";
        break;
      case 3:
        rule.path = {PathMatch::Kind::kRegex, false, below + "(a|b)+c.*"};
        asked.path = below + "abc-rest";
        break;
      case 4:
        rule.path = {PathMatch::Kind::kRegex, false, text + ".*"};
        asked.path = text + "rest";
        break;
      case 5:
        rule.path = {PathMatch::Kind::kPrefix, true, text};
        asked.path = text + "Rest";
        break;
      case 6:
        rule.path = {PathMatch::Kind::kExact, true, text};
        asked.path = text;
        break;
      case 7:
        rule.path = {PathMatch::Kind::kRegex, false, ".*/" + std::string(text, 1) + "[0-9]+"};
        asked.path = absl::StrCat("/x/", text.substr(1), "17");
        break;
    }
    AddConditions(gene, &rule, &asked);
    host->rules.push_back(std::move(rule));
    table.asked.push_back(std::move(asked));
  }
  table.asked.push_back({"GET", "/nowhere/at/all", {{"user-agent", "generated"}}});
  table.asked.push_back({"GET", "/api/v1/a-long-name-that-none-shares", {{"user-agent", "x"}}});
  table.host = std::move(host);
  return table;
}

Cost Measure(const GeneratedTable& table) {
  route::TableOptions options;
  const auto indexed = route::Table::Build({table.host}, options).table;
  options.index = false;
  const auto plain = route::Table::Build({table.host}, options).table;
  Cost cost;
  for (const GeneratedTable::Asked& asked : table.asked) {
    route::Request request;
    request.method = asked.method;
    request.authority = "shop.example";
    request.path = asked.path;
    request.headers = asked.headers.view();
    const auto count = [&](const route::Table& one) {
      // RE2 makes its states when they are first needed.
      for (int i = 0; i < 2; ++i) one.Find(request);
      return CountInstructions([&] { one.Find(request); });
    };
    const uint64_t index = count(*indexed), scan = count(*plain);
    cost.index += index;
    cost.scan += scan;
    if (scan > 0) {
      cost.worst_request = std::max(cost.worst_request, static_cast<double>(index) / scan);
    }
  }
  return cost;
}

std::string ToText(const std::vector<RuleGene>& genes) {
  std::string text;
  for (const RuleGene& gene : genes) {
    absl::StrAppendFormat(&text, "%s%02x%02x%02x%02x", text.empty() ? "" : " ", gene.kind,
                          gene.path, gene.conditions, gene.value);
  }
  return text;
}

std::vector<RuleGene> FromText(const std::string& text) {
  std::vector<RuleGene> genes;
  std::istringstream in(text);
  std::string word;
  while (in >> word) {
    const uint64_t bits = std::stoul(word, nullptr, 16);
    genes.push_back({static_cast<uint8_t>(bits >> 24), static_cast<uint8_t>(bits >> 16),
                     static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits)});
  }
  return genes;
}

}  // namespace mesh::testing
