#include "mesh/route/proof/difference.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mesh::route::proof {
namespace {

// A rule whose name is its fate.
Rule To(std::string fate, PathMatch::Kind kind, std::string text,
        std::vector<Condition> conditions = {}) {
  Rule rule;
  rule.path = {kind, false, std::move(text)};
  rule.conditions = std::move(conditions);
  rule.name = std::move(fate);
  return rule;
}
Rule Prefix(std::string text, std::string fate) {
  return To(std::move(fate), PathMatch::Kind::kPrefix, std::move(text));
}
Rule Regex(std::string text, std::string fate) {
  return To(std::move(fate), PathMatch::Kind::kRegex, std::move(text));
}

struct Host {
  std::vector<std::string> domains;
  std::vector<Rule> rules;
  TlsRequirement tls = TlsRequirement::kNone;
};

std::shared_ptr<const Table> TableOf(std::vector<Host> hosts) {
  std::vector<std::shared_ptr<const VirtualHost>> pointers;
  for (Host& from : hosts) {
    auto host = std::make_shared<VirtualHost>();
    host->domains = std::move(from.domains);
    host->rules = std::move(from.rules);
    host->require_tls = from.tls;
    for (uint32_t i = 0; i < host->rules.size(); ++i) host->rules[i].id = i;
    pointers.push_back(std::move(host));
  }
  Table::Built built = Table::Build(std::move(pointers), {});
  EXPECT_TRUE(built.errors.empty());
  return built.table;
}

Fate NamesOf(const std::shared_ptr<const Table>& table) {
  return [table](const Match& match) -> std::string {
    switch (match.outcome) {
      case Match::Outcome::kRule:
        return table->virtual_hosts()[match.virtual_host]->rules[match.rule].name;
      case Match::Outcome::kTlsRequired:
        return "https";
      default:
        return "404";
    }
  };
}

std::vector<std::string> Diff(std::vector<Host> before, std::vector<Host> after,
                              DifferenceOptions options = {}) {
  const auto a = TableOf(std::move(before));
  const auto b = TableOf(std::move(after));
  const auto diff = FindDifferences(*a, NamesOf(a), *b, NamesOf(b), options);
  EXPECT_TRUE(diff.ok()) << diff.status();
  std::vector<std::string> shown;
  for (const Difference& d : diff->differences) {
    shown.push_back(
        absl::StrCat(d.witness.method, " ", d.witness.Url(), ": ", d.before, " -> ", d.after));
  }
  if (!diff->complete) shown.push_back(absl::StrCat("incomplete: ", diff->reason));
  return shown;
}

TEST(FindDifferences, Tables) {
  struct Row {
    const char* name;
    std::vector<Host> before;
    std::vector<Host> after;
    std::vector<std::string> want;
  };
  HeaderMatch jason;
  jason.name = "end-user";
  jason.value.text = "jason";
  const Row rows[] = {
      {"the same", {{{"*"}, {Prefix("/", "a")}}}, {{{"*"}, {Prefix("/", "a")}}}, {}},
      {"the same, said otherwise",
       {{{"*"}, {Regex("/a|/b", "x"), Prefix("/", "y")}}},
       {{{"*"}, {Regex("/[ab]", "x"), Regex("/.*", "y")}}},
       {}},
      {"order that does not matter",
       {{{"*"}, {Prefix("/a", "a"), Prefix("/b", "b")}}},
       {{{"*"}, {Prefix("/b", "b"), Prefix("/a", "a")}}},
       {}},
      {"order that matters",
       {{{"*"}, {Prefix("/a/b", "x"), Prefix("/a", "y")}}},
       {{{"*"}, {Prefix("/a", "y"), Prefix("/a/b", "x")}}},
       {"GET http://example.com/a/b: x -> y"}},
      {"a new rule",
       {{{"*"}, {Prefix("/", "old")}}},
       {{{"*"}, {To("new", PathMatch::Kind::kPrefix, "/", {jason}), Prefix("/", "old")}}},
       {"GET http://example.com/: old -> new"}},
      {"a removed rule",
       {{{"*"}, {Prefix("/a", "x")}}},
       {{{"*"}, {}}},
       {"GET http://example.com/a: x -> 404"}},
      {"another destination",
       {{{"*"}, {Prefix("/", "v1")}}},
       {{{"*"}, {Prefix("/", "v2")}}},
       {"GET http://example.com/: v1 -> v2"}},
      {"a new virtual host",
       {{{"*"}, {Prefix("/", "x")}}},
       {{{"*"}, {Prefix("/", "x")}}, {{"shop.example"}, {Prefix("/cart", "x")}}},
       {"GET http://shop.example/: x -> 404"}},
      {"a virtual host gone",
       {{{"shop.example"}, {Prefix("/", "x")}}},
       {},
       {"GET http://shop.example/: x -> 404"}},
      {"TLS demanded",
       {{{"*"}, {Prefix("/", "x")}}},
       {{{"*"}, {Prefix("/", "x")}, TlsRequirement::kAll}},
       {"GET http://example.com/: x -> https", "CONNECT example.com: 404 -> https"}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Diff(row.before, row.after), row.want) << row.name;
  }
}

TEST(FindDifferences, SaysWhenItIsNotComplete) {
  const std::vector<Host> before = {{{"*"}, {Prefix("/a", "a"), Prefix("/b", "b")}}};
  const std::vector<Host> after = {{{"*"}, {Prefix("/a", "x"), Prefix("/b", "y")}}};
  DifferenceOptions one;
  one.max_differences = 1;
  EXPECT_EQ(
      Diff(before, after, one),
      (std::vector<std::string>{"GET http://example.com/a: a -> x",
                                "incomplete: there may be more differences than were asked for"}));
}

}  // namespace
}  // namespace mesh::route::proof
