#include "mesh/route/proof/host_overlap.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/route/table.h"

namespace mesh::route::proof {
namespace {

std::vector<std::shared_ptr<const VirtualHost>> Hosts(
    std::vector<std::vector<std::string>> domains) {
  std::vector<std::shared_ptr<const VirtualHost>> hosts;
  for (std::vector<std::string>& list : domains) {
    auto host = std::make_shared<VirtualHost>();
    host->domains = std::move(list);
    hosts.push_back(std::move(host));
  }
  return hosts;
}

TEST(FindHostOverlaps, WhoGetsTheHost) {
  struct Row {
    const char* name;
    std::vector<std::vector<std::string>> domains;
    std::vector<std::string> want;  // "host: winner before loser"
  };
  const Row rows[] = {
      {"strangers", {{"a.example"}, {"b.example"}, {"*.com"}, {"*"}}, {}},
      {"exact before a wildcard",
       {{"*.example"}, {"a.example"}},
       {"a.example: a.example before *.example"}},
      {"a longer wildcard first",
       {{"*.example"}, {"*.b.example"}},
       {"a.b.example: *.b.example before *.example"}},
      {"a wildcard needs a byte", {{"*.example"}, {".example"}}, {}},
      {"suffix before prefix",
       {{"shop.*"}, {"*.example"}},
       {"shop.a.example: *.example before shop.*"}},
      {"the same without case",
       {{"A.example"}, {"a.EXAMPLE"}},
       {"a.example: A.example before a.EXAMPLE (duplicate)"}},
      {"twice in one",
       {{"a.example", "a.example"}},
       {"a.example: a.example before a.example (duplicate)"}},
      {"a virtual host's own wildcards are its own affair", {{"*.example", "a.example"}}, {}},
  };
  for (const Row& row : rows) {
    const auto hosts = Hosts(row.domains);
    std::vector<std::string> got;
    for (const HostOverlap& overlap : FindHostOverlaps(hosts)) {
      got.push_back(absl::StrCat(overlap.host, ": ",
                                 hosts[overlap.winner]->domains[overlap.winner_domain], " before ",
                                 hosts[overlap.loser]->domains[overlap.loser_domain],
                                 overlap.duplicate ? " (duplicate)" : ""));
      if (overlap.duplicate) continue;
      Request request;
      request.authority = overlap.host;
      const Table::Built built = Table::Build(hosts, {});
      ASSERT_TRUE(built.errors.empty()) << row.name;
      EXPECT_EQ(built.table->Find(request).virtual_host, overlap.winner) << row.name;
    }
    EXPECT_EQ(got, row.want) << row.name;
  }
}

}  // namespace
}  // namespace mesh::route::proof
