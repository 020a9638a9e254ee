// Find, warm, allocates nothing.
#include <cstdlib>
#include <new>
#include <string>

#include "gtest/gtest.h"
#include "mesh/route/table.h"

namespace {
long allocations = 0;  // NOLINT: the replaced operator counts here, on one thread
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace mesh::route {
namespace {

Rule Make(uint32_t id, PathMatch::Kind kind, std::string text) {
  Rule rule;
  rule.id = id;
  rule.path = {kind, false, std::move(text)};
  return rule;
}

TEST(AllocationTest, FindAllocatesNothing) {
  auto host = std::make_shared<VirtualHost>();
  host->domains = {"shop.example", "*.example", "shop.*"};
  uint32_t id = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    host->rules.push_back(Make(id++, PathMatch::Kind::kExact, "/exact/" + n));
    host->rules.push_back(Make(id++, PathMatch::Kind::kPrefix, "/prefix/" + n + "/"));
    host->rules.push_back(Make(id++, PathMatch::Kind::kRegex, "/shelves/[^/]+/r" + n + "/[^/]+"));
    Rule by_header = Make(id++, PathMatch::Kind::kPrefix, "/headers");
    HeaderMatch header;
    header.name = "x-user";
    header.value.text = "user-" + n;
    by_header.conditions.push_back(header);
    QueryMatch query;
    query.name = "q";
    query.value = StringMatch{StringMatch::Kind::kExact, false, n};
    by_header.conditions.push_back(query);
    host->rules.push_back(by_header);
  }
  host->rules.push_back(Make(id++, PathMatch::Kind::kRegex, "/free/(a|b)*c.*d"));
  host->rules.push_back(Make(id++, PathMatch::Kind::kTemplate, "/t/{x}/{rest=**}"));
  const Table::Built built = Table::Build({host}, {});
  ASSERT_NE(built.table, nullptr);
  const http::HeaderList headers = {{"x-user", "user-40"}};
  const char* const kPaths[] = {"/exact/40",     "/prefix/40/x",    "/shelves/x/r40/y",
                                "/headers?q=40", "/headers?q=none", "/free/aaac-x-d",
                                "/t/1/2/3",      "/nothing"};
  const char* const kHosts[] = {"shop.example", "Shop.Example", "a.b.example", "shop.x", "none"};
  int found = 0;
  for (int round = 0; round < 2; ++round) {
    const long before = allocations;
    for (const char* authority : kHosts) {
      for (const char* path : kPaths) {
        Request request;
        request.authority = authority;
        request.path = path;
        request.headers = headers.view();
        found += built.table->Find(request).found();
      }
    }
    if (round == 1) {
      EXPECT_EQ(allocations - before, 0);
    }
  }
  EXPECT_EQ(found, 2 * 4 * 6);
}

}  // namespace
}  // namespace mesh::route
