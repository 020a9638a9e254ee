#include "benchmarks/route/tables.h"

#include "absl/strings/str_cat.h"

namespace mesh::bench {
namespace {

constexpr const char* kMethods[] = {"GET", "PUT", "POST", "DELETE"};

std::string ExactPath(int i) { return absl::StrCat("/api/v1/tenant-", i % 97, "/orders/", i); }

route::HeaderMatch Exactly(std::string name, std::string value) {
  route::HeaderMatch match;
  match.name = std::move(name);
  match.value.text = std::move(value);
  return match;
}

}  // namespace

const char* NameOf(Kind kind) {
  static constexpr const char* kNames[] = {"exact",  "prefix",      "template",    "free_regex",
                                           "header", "two_headers", "method_query"};
  return kNames[static_cast<int>(kind)];
}

std::shared_ptr<const route::VirtualHost> MakeHost(Kind kind, int n) {
  using Path = route::PathMatch::Kind;
  auto host = std::make_shared<route::VirtualHost>();
  host->name = "bench";
  host->domains = {"*"};
  host->rules.resize(n);
  for (int i = 0; i < n; ++i) {
    route::Rule& rule = host->rules[i];
    rule.id = i;
    switch (kind) {
      case Kind::kExact:
        rule.path = {Path::kExact, false, ExactPath(i)};
        break;
      case Kind::kPrefix:
        rule.path = {Path::kPrefix, false, absl::StrCat("/svc-", i, "/")};
        break;
      case Kind::kTemplate:
        rule.path = {Path::kRegex, false, absl::StrCat("/shelves/[^/]+/r", i, "/[^/]+")};
        break;
      case Kind::kFreeRegex:
        rule.path = {Path::kRegex, false, absl::StrCat("/free/", i, "-(a|b)+x.*")};
        break;
      case Kind::kHeader:
        rule.conditions = {Exactly("x-tenant", absl::StrCat("tenant-", i))};
        break;
      case Kind::kTwoHeaders:
        rule.conditions = {Exactly("x-tenant", absl::StrCat("tenant-", i / 4)),
                           Exactly("x-stage", absl::StrCat("stage-", i % 4))};
        break;
      case Kind::kMethodQuery: {
        route::QueryMatch query;
        query.name = "id";
        query.value =
            route::StringMatch{route::StringMatch::Kind::kExact, false, absl::StrCat(i / 4)};
        rule.conditions = {Exactly(":method", kMethods[i % 4]), query};
        break;
      }
    }
  }
  return host;
}

size_t TextBytes(const route::VirtualHost& host) {
  size_t bytes = 0;
  for (const route::Rule& rule : host.rules) {
    bytes += rule.path.text.size() + 1;
    for (const route::Condition& condition : rule.conditions) {
      if (const auto* header = std::get_if<route::HeaderMatch>(&condition)) {
        bytes += header->name.size() + header->value.text.size() + 2;
      } else if (const auto* query = std::get_if<route::QueryMatch>(&condition)) {
        bytes += query->name.size() + query->value->text.size() + 2;
      }
    }
  }
  return bytes;
}

Asked RequestFor(Kind kind, int i) {
  Asked asked;
  switch (kind) {
    case Kind::kExact:
      asked.path = ExactPath(i);
      break;
    case Kind::kPrefix:
      asked.path = absl::StrCat("/svc-", i, "/a/b");
      break;
    case Kind::kTemplate:
      asked.path = absl::StrCat("/shelves/one/r", i, "/book");
      break;
    case Kind::kFreeRegex:
      asked.path = absl::StrCat("/free/", i, "-abx-rest");
      break;
    case Kind::kHeader:
      asked.path = "/one";
      asked.tenant = absl::StrCat("tenant-", i);
      break;
    case Kind::kTwoHeaders:
      asked.path = "/one";
      asked.tenant = absl::StrCat("tenant-", i / 4);
      asked.stage = absl::StrCat("stage-", i % 4);
      break;
    case Kind::kMethodQuery:
      asked.method = kMethods[i % 4];
      asked.path = absl::StrCat("/one?id=", i / 4);
      break;
  }
  return asked;
}

}  // namespace mesh::bench
