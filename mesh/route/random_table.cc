#include "mesh/route/random_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace mesh::route {
namespace {

// Not std::uniform_int_distribution: the same numbers with every library.
size_t Below(Random* random, size_t n) { return (*random)() % n; }
bool OneIn(Random* random, size_t n) { return Below(random, n) == 0; }

template <size_t N>
const char* Pick(Random* random, const char* const (&stock)[N]) {
  return stock[Below(random, N)];
}

constexpr const char* kSegments[] = {"a", "b", "ab", "abc", "A", "v1", "v2", "x.y", "a-b", "r1"};
constexpr const char* kHosts[] = {"shop.example", "a.shop.example",  "b.a.shop.example",
                                  "SHOP.example", "shop.example:80", "shop",
                                  "other.test",   "a.shop",          "example"};
constexpr const char* kDomains[] = {"shop.example",
                                    "*.example",
                                    "*.shop.example",
                                    "*-shop.example",
                                    "shop.*",
                                    "shop.exam*",
                                    "a.shop.example",
                                    "*",
                                    "other.test",
                                    "*e",
                                    "a.*",
                                    "*.test"};
constexpr const char* kHeaderNames[] = {"x-a",        "x-b",  "x-user", ":method", "x-n",
                                        ":authority", "host", ":path",  ":scheme", "x-none"};
constexpr const char* kCookieNames[] = {"s", "t", "x"};
constexpr const char* kCookies[] = {"s=a",        "s=a; t=b",     "t=\"ab\"",   "s=a; s=b", "x",
                                    "s=;t=jason", " s = a ; t=1", "s=\"a; t=b", "=a",       "T=a"};
constexpr const char* kValues[] = {"", "a", "b", "ab", "A", "GET", "POST", "1", "17", "jason"};
constexpr const char* kMethods[] = {"GET", "POST", "PUT"};
constexpr const char* kQueryNames[] = {"q", "a", "flag"};
constexpr const char* kRegexParts[] = {
    "[^/]+", ".*",    ".+",    "\\w+", "[a-z]+", "(a|b)", "(v1|v2)", "a?b",         "\\d*",
    "[^/]*", "(?i)A", "(ab)+", "a|b",  "[a-c]?", "x\\.y", "(/.*)?",  "(?:abc|v\\d)"};
constexpr const char* kValueRegexes[] = {"a.*",       "\\d+", "[a-z]+", "jas.n",
                                         "(GET|PUT)", ".*",   "a|b"};
constexpr const char* kTemplates[] = {
    "/a/*",           "/{x}/b", "/a/{rest=**}", "/*/ab/{y=v1/*}", "/{x}/{y}/{z=**}",
    "/v1/{x=a/*}/r1", "/**",    "/a/{x}"};

constexpr const char* kOddities[] = {";v=1/a", "%2F", "%41",    "//",        "/./",
                                     "/../",   ";",   "/a;b/c", ";x?y=/c;d", "#/b;c/d"};

std::string RandomPath(Random* random) {
  std::string path;
  const size_t segments = Below(random, 4);
  for (size_t i = 0; i < segments; ++i) absl::StrAppend(&path, "/", Pick(random, kSegments));
  if (path.empty() || OneIn(random, 6)) path += '/';
  return path;
}

StringMatch RandomString(Random* random) {
  StringMatch match;
  match.kind = static_cast<StringMatch::Kind>(Below(random, 5));
  if (match.kind == StringMatch::Kind::kRegex) {
    match.text = Pick(random, kValueRegexes);
    return match;
  }
  match.ignore_case = OneIn(random, 4);
  match.text = Pick(random, kValues);
  if (match.text.empty() && match.kind != StringMatch::Kind::kExact) match.text = "a";
  return match;
}

HeaderMatch RandomHeader(Random* random) {
  HeaderMatch match;
  match.name = Pick(random, kHeaderNames);
  match.invert = OneIn(random, 4);
  match.missing_is_empty = OneIn(random, 5);
  if (OneIn(random, 5)) {
    match.kind = HeaderMatch::Kind::kPresent;
    match.present = !OneIn(random, 3);
  } else if (OneIn(random, 6)) {
    match.kind = HeaderMatch::Kind::kRange;
    match.begin = static_cast<int64_t>(Below(random, 10)) - 2;
    match.end = match.begin + static_cast<int64_t>(Below(random, 20));
  } else {
    match.value = RandomString(random);
    if (OneIn(random, 2)) {
      match.value = {StringMatch::Kind::kExact, false, Pick(random, kValues)};
    }
  }
  return match;
}

Rule RandomRule(Random* random, uint32_t id, const RandomOptions& options) {
  Rule rule;
  rule.id = id;
  const size_t kind = Below(random, options.regexes ? 16 : 12);
  rule.path.ignore_case = OneIn(random, 6);
  if (kind < 5) {
    rule.path.kind = PathMatch::Kind::kPrefix;
    rule.path.text = RandomPath(random);
    if (OneIn(random, 4)) rule.path.text.pop_back();
    if (rule.path.text.empty()) rule.path.text = "/";
  } else if (kind < 9) {
    rule.path.kind = PathMatch::Kind::kExact;
    rule.path.text = RandomPath(random);
  } else if (kind < 12) {
    rule.path.kind = PathMatch::Kind::kSeparatedPrefix;
    rule.path.text = absl::StrCat("/", Pick(random, kSegments));
    if (OneIn(random, 2)) absl::StrAppend(&rule.path.text, "/", Pick(random, kSegments));
  } else if (kind < 15) {
    rule.path.kind = PathMatch::Kind::kRegex;
    rule.path.ignore_case = false;
    rule.path.text.clear();
    for (size_t i = 0; i < 1 + Below(random, 3); ++i) {
      absl::StrAppend(&rule.path.text, "/",
                      OneIn(random, 2) ? Pick(random, kRegexParts) : Pick(random, kSegments));
    }
    if (OneIn(random, 5)) rule.path.text += Pick(random, kRegexParts);
  } else {
    rule.path.kind = PathMatch::Kind::kTemplate;
    rule.path.ignore_case = false;
    rule.path.text = Pick(random, kTemplates);
  }
  if (!options.conditions) return rule;
  for (size_t i = Below(random, 3); i > 0; --i) rule.conditions.push_back(RandomHeader(random));
  if (OneIn(random, 6)) {
    QueryMatch match;
    match.name = Pick(random, kQueryNames);
    if (!OneIn(random, 3)) match.value = RandomString(random);
    if (!match.value && OneIn(random, 4)) match.present = false;
    rule.conditions.push_back(std::move(match));
  }
  if (OneIn(random, 10)) {
    CookieMatch match;
    match.name = Pick(random, kCookieNames);
    match.value = RandomString(random);
    match.invert = OneIn(random, 3);
    rule.conditions.push_back(std::move(match));
  }
  if (OneIn(random, 25)) {
    // Both are certain whatever the random value is.
    FractionMatch match;
    match.numerator = OneIn(random, 2) ? 0 : 100;
    rule.conditions.push_back(match);
  }
  if (OneIn(random, 25)) {
    TlsMatch match;
    if (OneIn(random, 2)) match.presented = OneIn(random, 3);
    if (OneIn(random, 2)) match.validated = OneIn(random, 3);
    rule.conditions.push_back(match);
  }
  if (OneIn(random, 10)) rule.conditions.push_back(GrpcMatch{});
  return rule;
}

}  // namespace

std::vector<std::shared_ptr<const VirtualHost>> RandomTable(Random* random,
                                                            const RandomOptions& options) {
  std::vector<std::shared_ptr<const VirtualHost>> hosts;
  std::set<std::string> used;
  const size_t count = 1 + Below(random, options.max_hosts);
  for (size_t i = 0; i < count; ++i) {
    auto host = std::make_shared<VirtualHost>();
    host->name = absl::StrCat("host-", i);
    for (size_t j = 1 + Below(random, 2); j > 0; --j) {
      const std::string domain = i == 0 && j == 1 ? "*" : Pick(random, kDomains);
      if (used.insert(domain).second) host->domains.push_back(domain);
    }
    if (host->domains.empty()) continue;
    if (OneIn(random, 12)) host->require_tls = TlsRequirement::kAll;
    const size_t rules = Below(random, options.max_rules + 1);
    for (size_t j = 0; j < rules; ++j) {
      host->rules.push_back(RandomRule(random, static_cast<uint32_t>(j), options));
    }
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Request RandomRequest::request() const {
  Request request;
  request.method = method;
  request.authority = authority;
  request.path = path;
  request.headers = headers.view();
  request.random = random;
  return request;
}

std::string RandomRequest::ToString() const {
  std::string text = absl::StrCat(method, " ", authority, path);
  for (const auto& [name, value] : headers.entries()) {
    absl::StrAppend(&text, " [", name, ": ", value, "]");
  }
  return text;
}

RandomRequest MakeRandomRequest(Random* random) {
  RandomRequest made;
  made.method = Pick(random, kMethods);
  made.authority = Pick(random, kHosts);
  made.path = RandomPath(random);
  if (OneIn(random, 12)) made.path += "\xc3\xa9";
  if (OneIn(random, 10)) made.path += Pick(random, kOddities);
  if (OneIn(random, 4)) {
    absl::StrAppend(&made.path, "?", Pick(random, kQueryNames), "=", Pick(random, kValues));
    if (OneIn(random, 3)) absl::StrAppend(&made.path, "&", Pick(random, kQueryNames));
    if (OneIn(random, 3)) {
      absl::StrAppend(&made.path, "&", Pick(random, kQueryNames), "=", Pick(random, kValues));
    }
    if (OneIn(random, 10)) made.path += "&&=a&?a=b";
  }
  for (size_t i = Below(random, 4); i > 0; --i) {
    const std::string name = Pick(random, kHeaderNames);
    if (name[0] != ':' && name != "host") made.headers.Add(name, Pick(random, kValues));
  }
  // Numbers that are spent are all the same: a bound, or this would not end.
  for (int i = 0; i < 8 && OneIn(random, 4); ++i) {
    made.headers.Add("cookie", Pick(random, kCookies));
  }
  if (OneIn(random, 8)) made.headers.Add("content-type", "application/grpc");
  made.random = (*random)();
  return made;
}

}  // namespace mesh::route
