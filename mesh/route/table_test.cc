#include "mesh/route/table.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mesh/base/strings.h"

namespace mesh::route {
namespace {

Rule PathRule(uint32_t id, PathMatch::Kind kind, std::string text, bool ignore_case = false) {
  Rule rule;
  rule.id = id;
  rule.path = {kind, ignore_case, std::move(text)};
  return rule;
}

Rule With(Rule rule, Condition condition) {
  rule.conditions.push_back(std::move(condition));
  return rule;
}

HeaderMatch Header(std::string name, StringMatch::Kind kind, std::string text) {
  HeaderMatch match;
  match.name = std::move(name);
  match.value = {kind, false, std::move(text)};
  return match;
}

std::shared_ptr<VirtualHost> Host(std::vector<std::string> domains, std::vector<Rule> rules) {
  auto host = std::make_shared<VirtualHost>();
  host->name = domains[0];
  host->domains = std::move(domains);
  host->rules = std::move(rules);
  return host;
}

Request Get(std::string_view authority, std::string_view path) {
  Request request;
  request.authority = authority;
  request.path = path;
  return request;
}

std::string Answer(const Table& table, const Request& request) {
  const Match match = table.Find(request);
  EXPECT_EQ(static_cast<int>(table.Explain(request).match.outcome),
            static_cast<int>(match.outcome));
  switch (match.outcome) {
    case Match::Outcome::kRule:
      return table.virtual_hosts()[match.virtual_host]->name + " " + std::to_string(match.rule);
    case Match::Outcome::kNoRule:
      return "no rule";
    case Match::Outcome::kNoVirtualHost:
      return "no virtual host";
    case Match::Outcome::kTlsRequired:
      return "tls";
  }
  return "";
}

TEST(TableTest, VirtualHostIsTheExactOneThenLongestSuffixThenLongestPrefixThenAny) {
  const Rule all = PathRule(0, PathMatch::Kind::kPrefix, "/");
  const Table::Built built =
      Table::Build({Host({"www.example.com", "WWW.Example.CC"}, {all}),
                    Host({"*w.example.com"}, {all}), Host({"*.example.com"}, {all}),
                    Host({"www.example.c*", "ww.example.c*"}, {all}), Host({"*"}, {all})},
                   {});
  ASSERT_NE(built.table, nullptr);
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {"www.example.com", "www.example.com 0"},
      {"www.example.cc", "www.example.com 0"},
      {"WWW.EXAMPLE.COM", "www.example.com 0"},
      {"wwww.example.com", "*w.example.com 0"},
      {"a.example.com", "*.example.com 0"},
      {".example.com", "* 0"},
      {"www.example.ca", "www.example.c* 0"},
      {"ww.example.c", "* 0"},
      {"elsewhere", "* 0"},
      {"www.example.com:80", "www.example.c* 0"},
      {"", "no virtual host"},
  };
  for (const auto& [host, expected] : kCases) {
    EXPECT_EQ(Answer(*built.table, Get(host, "/")), expected) << host;
  }
}

TEST(TableTest, LongHostsAreLookedUpToo) {
  const Rule all = PathRule(0, PathMatch::Kind::kPrefix, "/");
  const Table::Built built = Table::Build({Host({"*.example"}, {all}), Host({"long*"}, {all})}, {});
  EXPECT_EQ(Answer(*built.table, Get(std::string(5000, 'a') + ".example", "/")), "*.example 0");
  EXPECT_EQ(Answer(*built.table, Get("long" + std::string(5000, 'a'), "/")), "long* 0");
}

TEST(TableTest, PortIsPartOfTheHostUnlessIgnored) {
  const Rule all = PathRule(0, PathMatch::Kind::kPrefix, "/");
  TableOptions options;
  options.ignore_port_in_host = true;
  const auto host = Host({"shop.example"}, {all});
  EXPECT_EQ(Answer(*Table::Build({host}, {}).table, Get("shop.example:80", "/")),
            "no virtual host");
  EXPECT_EQ(Answer(*Table::Build({host}, options).table, Get("shop.example:80", "/")),
            "shop.example 0");
}

struct PathCase {
  const char* name;
  PathMatch match;
  std::string path;
  bool matches;
};

TEST(TableTest, Paths) {
  using Kind = PathMatch::Kind;
  const PathCase kCases[] = {
      {"prefix by bytes", {Kind::kPrefix, false, "/cart"}, "/carts", true},
      {"prefix without the query", {Kind::kPrefix, false, "/cart?a"}, "/cart?a=1", false},
      {"prefix minds case", {Kind::kPrefix, false, "/cart"}, "/Cart", false},
      {"prefix without case", {Kind::kPrefix, true, "/cart"}, "/CART/x", true},
      {"exact", {Kind::kExact, false, "/cart"}, "/cart", true},
      {"exact without query and fragment", {Kind::kExact, false, "/cart"}, "/cart?x=/#y", true},
      {"exact is whole", {Kind::kExact, false, "/cart"}, "/cart/", false},
      {"exact without case", {Kind::kExact, true, "/cart"}, "/CaRT", true},
      {"regex is whole", {Kind::kRegex, false, "/c.r"}, "/cart", false},
      {"regex without the query", {Kind::kRegex, false, "/c.*t"}, "/cart?x", true},
      {"separated prefix itself", {Kind::kSeparatedPrefix, false, "/a"}, "/a?x", true},
      {"separated prefix below", {Kind::kSeparatedPrefix, false, "/a"}, "/a/b", true},
      {"separated prefix not by bytes", {Kind::kSeparatedPrefix, false, "/a"}, "/ab", false},
      {"template", {Kind::kTemplate, false, "/u/{id}/f/{rest=**}"}, "/u/7/f/a/b", true},
      {"template wants a segment", {Kind::kTemplate, false, "/u/{id}/f"}, "/u//f", false},
      {"connect is not a path", {Kind::kConnect, false, ""}, "/", false},
  };
  for (const PathCase& c : kCases) {
    Rule rule;
    rule.path = c.match;
    const Table::Built built = Table::Build({Host({"*"}, {rule})}, {});
    ASSERT_NE(built.table, nullptr) << c.name << ToStatus(built.errors);
    EXPECT_EQ(built.table->Find(Get("h", c.path)).found(), c.matches) << c.name;
  }
}

TEST(TableTest, AConnectWithoutAPathIsMatchedByConnectRulesOnly) {
  const Table::Built built =
      Table::Build({Host({"*"}, {PathRule(0, PathMatch::Kind::kPrefix, "/"),
                                 PathRule(1, PathMatch::Kind::kRegex, ".*"),
                                 PathRule(2, PathMatch::Kind::kConnect, "")})},
                   {});
  Request request = Get("h:443", {});
  request.method = "CONNECT";
  EXPECT_EQ(Answer(*built.table, request), "* 2");
}

TEST(TableTest, PathParametersCanBeIgnored) {
  TableOptions options;
  options.ignore_path_parameters = true;
  const auto host = Host({"*"}, {PathRule(0, PathMatch::Kind::kExact, "/a/b")});
  EXPECT_EQ(Answer(*Table::Build({host}, options).table, Get("h", "/a;v=1;w/b;?c")), "* 0");
  EXPECT_EQ(Answer(*Table::Build({host}, {}).table, Get("h", "/a;v=1/b")), "no rule");
}

struct ConditionCase {
  const char* name;
  Condition condition;
  bool matches;
};

HeaderMatch Present(std::string name, bool present, bool invert) {
  HeaderMatch match;
  match.name = std::move(name);
  match.kind = HeaderMatch::Kind::kPresent;
  match.present = present;
  match.invert = invert;
  return match;
}

HeaderMatch Range(std::string name, int64_t begin, int64_t end) {
  HeaderMatch match;
  match.name = std::move(name);
  match.kind = HeaderMatch::Kind::kRange;
  match.begin = begin;
  match.end = end;
  return match;
}

HeaderMatch Invert(HeaderMatch match) {
  match.invert = true;
  return match;
}

HeaderMatch MissingIsEmpty(HeaderMatch match) {
  match.missing_is_empty = true;
  return match;
}

class TestFacts final : public Facts {
 public:
  TestFacts() {
    Value list;
    list.value = Value::List{Value{std::string("red")}, Value{std::string("blue")}};
    root_.value = Value::Struct{{"user", Value{Value::Struct{{"name", Value{std::string("jason")}},
                                                             {"age", Value{41.0}},
                                                             {"vip", Value{true}},
                                                             {"tags", list}}}}};
  }
  const Value* Metadata(std::string_view filter) const override {
    return filter == "jwt" ? &root_ : nullptr;
  }
  std::optional<std::string_view> FilterState(std::string_view key) const override {
    if (key == "peer") return "10.1.2.3";
    return std::nullopt;
  }
  std::optional<uint64_t> RuntimeInteger(std::string_view key) const override {
    if (key == "canary") return 100;
    return std::nullopt;
  }

 private:
  Value root_;
};

TEST(TableTest, Conditions) {
  using Kind = StringMatch::Kind;
  const http::HeaderList headers = {{"x-user", "jason"},
                                    {"x-n", "17"},
                                    {"x-two", "a"},
                                    {"x-two", "b"},
                                    {"x-empty", ""},
                                    {"content-type", "application/grpc+proto"},
                                    {"cookie", "session=\"s1\"; theme=dark"}};
  const TestFacts facts;
  Request request = Get("Shop", "/p?q=1&flag&q=2");
  request.headers = http::Headers(static_cast<const http::MutableHeaders*>(&headers)->view());
  request.facts = &facts;
  request.random = 30;
  request.certificate_presented = true;
  ValueMatch name;
  name.kind = ValueMatch::Kind::kString;
  name.text = {Kind::kExact, false, "jason"};
  ValueMatch over40;
  over40.kind = ValueMatch::Kind::kNumberRange;
  over40.begin = 40;
  over40.end = 50;
  ValueMatch red;
  red.kind = ValueMatch::Kind::kString;
  red.text = {Kind::kExact, false, "red"};
  ValueMatch has_red;
  has_red.kind = ValueMatch::Kind::kListHas;
  has_red.of = {red};
  ValueMatch either;
  either.kind = ValueMatch::Kind::kAny;
  either.of = {name, over40};
  FilterStateMatch peer;
  peer.key = "peer";
  peer.ranges = {"10.0.0.0/8"};
  FilterStateMatch other_peer = peer;
  other_peer.ranges = {"10.1.2.4/30", "::/0"};
  const ConditionCase kCases[] = {
      {"header exact", Header("x-user", Kind::kExact, "jason"), true},
      {"header exact, other", Header("x-user", Kind::kExact, "Jason"), false},
      {"header prefix", Header("x-user", Kind::kPrefix, "ja"), true},
      {"header suffix", Header("x-user", Kind::kSuffix, "son"), true},
      {"header contains", Header("x-user", Kind::kContains, "aso"), true},
      {"header regex is whole", Header("x-user", Kind::kRegex, "jas"), false},
      {"header regex", Header("x-user", Kind::kRegex, "jas.n"), true},
      {"header inverted", Invert(Header("x-user", Kind::kExact, "jason")), false},
      {"header inverted, missing does not match", Invert(Header("x-no", Kind::kExact, "a")), false},
      {"missing as empty", MissingIsEmpty(Header("x-no", Kind::kExact, "")), true},
      {"missing as empty, inverted", MissingIsEmpty(Invert(Header("x-no", Kind::kExact, "a"))),
       true},
      {"several values are not one", Header("x-two", Kind::kExact, "a,b"), false},
      {"one of several values is enough", Header("x-two", Kind::kExact, "b"), true},
      {"inverted, one of several is enough", Invert(Header("x-two", Kind::kExact, "b")), false},
      {"present", Present("x-empty", true, false), true},
      {"present inverted", Present("x-empty", true, true), false},
      {"absent", Present("x-no", false, false), true},
      {"absent, inverted", Present("x-no", true, true), true},
      {"range", Range("x-n", 10, 20), true},
      {"range has no end", Range("x-n", 10, 17), false},
      {"range wants a number", Range("x-user", 0, 1000), false},
      {"method", Header(":method", Kind::kExact, "GET"), true},
      {"authority", Header("host", Kind::kExact, "Shop"), true},
      {"path with query", Header(":path", Kind::kSuffix, "q=2"), true},
      {"query first value", QueryMatch{"q", StringMatch{Kind::kExact, false, "1"}}, true},
      {"query second value", QueryMatch{"q", StringMatch{Kind::kExact, false, "2"}}, false},
      {"query present", QueryMatch{"flag", std::nullopt}, true},
      {"query missing", QueryMatch{"none", std::nullopt}, false},
      {"cookie", CookieMatch{"session", {Kind::kExact, false, "s1"}, false}, true},
      {"cookie inverted", CookieMatch{"theme", {Kind::kExact, false, "dark"}, true}, false},
      {"cookie missing", CookieMatch{"none", {Kind::kExact, false, "a"}, false}, false},
      {"cookie missing, inverted", CookieMatch{"none", {Kind::kExact, false, "a"}, true}, true},
      {"query parameter must not be there", QueryMatch{"none", std::nullopt, false}, true},
      {"grpc", GrpcMatch{}, true},
      {"certificate", TlsMatch{true, std::nullopt}, true},
      {"certificate not validated", TlsMatch{std::nullopt, true}, false},
      {"fraction", FractionMatch{31, 100, ""}, true},
      {"fraction outside", FractionMatch{30, 100, ""}, false},
      {"fraction by runtime", FractionMatch{0, 100, "canary"}, true},
      {"metadata", MetadataMatch{"jwt", {"user", "name"}, name, false}, true},
      {"metadata inverted", MetadataMatch{"jwt", {"user", "name"}, name, true}, false},
      {"metadata of another filter", MetadataMatch{"rbac", {"user", "name"}, name, false}, false},
      {"metadata number", MetadataMatch{"jwt", {"user", "age"}, over40, false}, true},
      {"metadata list", MetadataMatch{"jwt", {"user", "tags"}, has_red, false}, true},
      {"metadata or", MetadataMatch{"jwt", {"user", "age"}, either, false}, true},
      {"filter state address", peer, true},
      {"filter state other address", other_peer, false},
  };
  for (const ConditionCase& c : kCases) {
    const Table::Built built = Table::Build(
        {Host({"*"}, {With(PathRule(0, PathMatch::Kind::kPrefix, "/"), c.condition)})}, {});
    ASSERT_NE(built.table, nullptr) << c.name;
    EXPECT_EQ(built.table->Find(request).found(), c.matches) << c.name;
    EXPECT_EQ(built.table->Explain(request).steps[0].failed.empty(), c.matches) << c.name;
  }
}

TEST(TableTest, TheFirstRuleThatMatchesIsTaken) {
  const Table::Built built =
      Table::Build({Host({"*"}, {PathRule(3, PathMatch::Kind::kPrefix, "/a"),
                                 PathRule(1, PathMatch::Kind::kPrefix, "/a/longer"),
                                 With(PathRule(7, PathMatch::Kind::kExact, "/b"),
                                      Header("x", StringMatch::Kind::kExact, "1")),
                                 PathRule(2, PathMatch::Kind::kPrefix, "/")})},
                   {});
  EXPECT_EQ(Answer(*built.table, Get("h", "/a/longer")), "* 3");
  EXPECT_EQ(Answer(*built.table, Get("h", "/b")), "* 2");
}

TEST(TableTest, TlsIsRequired) {
  auto host = Host({"*"}, {PathRule(0, PathMatch::Kind::kPrefix, "/")});
  host->require_tls = TlsRequirement::kExternalOnly;
  const Table::Built built = Table::Build({host}, {});
  Request request = Get("h", "/");
  EXPECT_EQ(Answer(*built.table, request), "tls");
  http::HeaderList headers = {{"x-envoy-internal", "true"}};
  request.headers = headers.view();
  EXPECT_EQ(Answer(*built.table, request), "* 0");
  headers = {{"x-forwarded-proto", "https"}};
  EXPECT_EQ(Answer(*built.table, request), "* 0");
}

TEST(TableTest, ErrorsNameTheFieldAndTheReason) {
  Rule bad = PathRule(1, PathMatch::Kind::kRegex, "/(+x)");
  const auto file = std::make_shared<const std::string>("routes.yaml");
  bad.position = {file, 12, 7};
  bad = With(bad, Header("a", StringMatch::Kind::kExact, ""));
  bad = With(bad, Header("b", StringMatch::Kind::kRegex, "["));
  const auto host =
      Host({"a.example", "A.example"}, {bad, PathRule(2, PathMatch::Kind::kPrefix, "/")});
  TableOptions options;
  options.name = "http.80";
  Table::Built built = Table::Build({host}, options);
  EXPECT_EQ(built.table, nullptr);
  EXPECT_EQ(
      Std(ToStatus(built.errors).message()),
      "virtual host a.example domains[1]: Only unique values for domains are permitted. Duplicate "
      "entry of domain a.example in route http.80\n"
      "routes.yaml:12:7: virtual host a.example routes[0].match.safe_regex: invalid regex "
      "\"/(+x)\": no argument for repetition operator: +\n"
      "routes.yaml:12:7: virtual host a.example routes[0].match.headers[1]: invalid regex \"[\": "
      "missing ]: [");
  options.isolate_errors = true;
  built = Table::Build({host}, options);
  ASSERT_NE(built.table, nullptr);
  EXPECT_EQ(built.errors.size(), 3u);
  EXPECT_EQ(Answer(*built.table, Get("a.example", "/(+x)")), "a.example 2");
}

TEST(TableTest, RegexesCanBeBounded) {
  TableOptions options;
  options.max_regex_program_size = 10;
  const Table::Built built =
      Table::Build({Host({"*"}, {PathRule(0, PathMatch::Kind::kRegex, "/[a-z]{20}")})}, options);
  ASSERT_EQ(built.errors.size(), 1u);
  EXPECT_NE(built.errors[0].message.find("is more than 10; make it shorter"), std::string::npos);
}

TEST(TableTest, AMatcherTreeDecidesInsteadOfRules) {
  const auto on = [](Rule rule) {
    MatchTree::OnMatch on;
    on.rules.push_back(std::move(rule));
    return on;
  };
  auto tree = std::make_shared<MatchTree>();
  tree->kind = MatchTree::Kind::kPrefixMap;
  tree->header = ":path";
  tree->map.emplace_back("/a", on(PathRule(1, PathMatch::Kind::kPrefix, "/a")));
  tree->map.emplace_back("/a/b", on(PathRule(2, PathMatch::Kind::kPrefix, "/a/b")));
  tree->otherwise = on(PathRule(3, PathMatch::Kind::kExact, "/c"));
  auto host = Host({"*"}, {});
  host->tree = tree;
  const Table::Built built = Table::Build({host}, {});
  EXPECT_EQ(Answer(*built.table, Get("h", "/a/b/c")), "* 2");
  EXPECT_EQ(Answer(*built.table, Get("h", "/a/c")), "* 1");
  EXPECT_EQ(Answer(*built.table, Get("h", "/c")), "* 3");
  EXPECT_EQ(Answer(*built.table, Get("h", "/d")), "no rule");
}

TEST(TableTest, VirtualClustersAreNamed) {
  auto host = Host({"*"}, {});
  host->virtual_clusters = {{"user",
                             {Header(":path", StringMatch::Kind::kRegex, "/users/\\d+"),
                              Header(":method", StringMatch::Kind::kExact, "POST")}},
                            {"any", {Header(":method", StringMatch::Kind::kPrefix, "P")}}};
  const Table::Built built = Table::Build({host}, {});
  Request request = Get("h", "/users/12");
  EXPECT_EQ(built.table->FindVirtualCluster(0, request), "");
  request.method = "POST";
  EXPECT_EQ(built.table->FindVirtualCluster(0, request), "user");
  request.method = "PUT";
  EXPECT_EQ(built.table->FindVirtualCluster(0, request), "any");
}

TEST(TableTest, ExplainNamesWhatFailed) {
  Rule named = PathRule(0, PathMatch::Kind::kExact, "/cart");
  named.name = "cart";
  named.position = {std::make_shared<const std::string>("shop.yaml"), 4, 3};
  const Table::Built built =
      Table::Build({Host({"*.example"}, {named,
                                         With(PathRule(1, PathMatch::Kind::kPrefix, "/"),
                                              Header("x-user", StringMatch::Kind::kExact, "jason")),
                                         PathRule(2, PathMatch::Kind::kPrefix, "/")})},
                   {});
  const http::HeaderList headers = {{"x-user", "bob"}};
  Request request = Get("Shop.example", "/carts");
  request.headers = headers.view();
  EXPECT_EQ(built.table->Explain(request).ToString(),
            "host \"shop.example\": virtual host *.example by *.example (longest suffix wildcard; "
            "no exact domain matches)\n"
            "rule 0 \"cart\" (shop.yaml:4:3): path: \"/carts\" is not \"/cart\"\n"
            "rule 1: header x-user: \"bob\" is not \"jason\"\n"
            "rule 2: taken\n");
}

TEST(TableTest, UnchangedVirtualHostsAreShared) {
  const auto kept = Host({"kept"}, {PathRule(0, PathMatch::Kind::kRegex, "/a.*")});
  const Table::Built first = Table::Build({kept, Host({"old"}, {})}, {});
  const Table::Built second = Table::Build({Host({"new"}, {}), kept}, {}, first.table.get());
  EXPECT_EQ(Answer(*second.table, Get("kept", "/ab")), "kept 0");
  EXPECT_EQ(Answer(*second.table, Get("new", "/")), "no rule");
}

// The first rules are told apart by eight bytes before the index is asked: whatever a path's
// length.
TEST(TableTest, FirstRulesWithoutCaseAreFoundInTheirOrder) {
  auto host = std::make_shared<VirtualHost>();
  host->domains = {"*"};
  const std::pair<PathMatch::Kind, const char*> texts[] = {
      {PathMatch::Kind::kExact, "/Shop/Cart"},  {PathMatch::Kind::kPrefix, "/shop/cart/item-"},
      {PathMatch::Kind::kExact, "/shop"},       {PathMatch::Kind::kSeparatedPrefix, "/SHOP/c"},
      {PathMatch::Kind::kPrefix, "/shop/Ca"},   {PathMatch::Kind::kPrefix, "/shop/@["},
      {PathMatch::Kind::kExact, "/shop/a/b/c"}, {PathMatch::Kind::kPrefix, "/shop/"}};
  for (const bool ignore_case : {true, false}) {
    for (const auto& [kind, text] : texts) {
      Rule rule;
      rule.id = static_cast<uint32_t>(host->rules.size());
      rule.path = {kind, ignore_case, text};
      host->rules.push_back(rule);
    }
  }
  TableOptions options;
  const auto indexed = Table::Build({host}, options).table;
  options.index = false;
  const auto scanned = Table::Build({host}, options).table;
  std::vector<std::string> paths = {"/shop/`{", "/shop/@[x", std::string("/shop\0", 6), "", "/"};
  for (const std::string whole :
       {"/shop/cart/item-17", "/SHOP/CART/ITEM-17", "/Shop/a/B/c", "/shop/c/d"}) {
    for (size_t size = 0; size <= whole.size(); ++size) paths.push_back(whole.substr(0, size));
  }
  for (const std::string& path : paths) {
    Request request;
    request.authority = "shop.example";
    request.path = path;
    const Match found = indexed->Find(request), wanted = scanned->Find(request);
    EXPECT_EQ(found.found(), wanted.found()) << path;
    EXPECT_EQ(found.rule, wanted.rule) << path;
  }
}

}  // namespace
}  // namespace mesh::route
