#include "mesh/route/action/apply.h"

#include <string>

#include "gtest/gtest.h"
#include "mesh/route/action/xxhash64.h"
#include "mesh/route/path_template.h"

namespace mesh::route::action {
namespace {

Format F(std::string_view text) {
  absl::StatusOr<Format> format = ParseFormat(text);
  EXPECT_TRUE(format.ok()) << format.status();
  return format.ok() ? *format : Format();
}

std::shared_ptr<const Regex> R(const std::string& pattern) {
  return Regex::Compile(pattern).value();
}

TEST(XxHash64Test, PublishedVectors) {
  EXPECT_EQ(XxHash64(""), 0xef46db3751d8e999u);
  EXPECT_EQ(XxHash64("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(XxHash64("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(XxHash64("The quick brown fox jumps over the lazy dog"), 0x0b242d361fda71bcu);
}

class HostName final : public Variables {
 public:
  bool Append(std::string_view name, std::string_view, std::string* out) const override {
    if (name != "HOSTNAME") return false;
    *out += "node-1";
    return true;
  }
};

TEST(FormatTest, Variables) {
  const http::HeaderList headers = {{"x-user", "jason"}, {":path", "/a/b?c=1"}};
  const HostName host;
  const FormatContext context{headers.view(), {}, &host};
  const std::pair<const char*, const char*> kCases[] = {
      {"plain", "plain"},
      {"100%%", "100%"},
      {"%REQ(X-User)%", "jason"},
      {"<%REQ(x-no?x-user)%>", "<jason>"},
      {"<%REQ(x-no)%>", "<>"},
      {"%REQ(x-user):3%", "jas"},
      {"%REQ_WITHOUT_QUERY(:path)%", "/a/b"},
      {"%QUERY_PARAM(c)%", "1"},
      {"%HOSTNAME%/%PROTOCOL%", "node-1/"},
  };
  for (const auto& [text, expected] : kCases) EXPECT_EQ(Evaluate(F(text), context), expected);
}

TEST(FormatTest, ErrorsSayWhatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {"a%", "Un-escaped % at position 1; write %%"},
      {"%HOSTNAME", "Un-terminated variable expression 'HOSTNAME'"},
      {"%REQ(x", "Un-terminated variable expression 'REQ(x'"},
      {"%HOSTNAM%", "Not supported field in StreamInfo: HOSTNAM, did you mean HOSTNAME?"},
      {"%REQ%", "REQ requires parameters: %REQ(...)%"},
      {"%PROTOCOL(x)%", "PROTOCOL does not take any parameters"},
      {"%REQ(x):a%", "Length must be an integer, given: a"},
  };
  for (const auto& [text, expected] : kCases) {
    EXPECT_EQ(std::string(ParseFormat(text).status().message()), expected);
  }
}

Route ForwardTo(PathMatch path, PathRewrite rewrite) {
  Route route;
  route.path = std::move(path);
  Forward forward;
  forward.cluster = "c";
  forward.path_rewrite = std::move(rewrite);
  route.action = std::move(forward);
  return route;
}

TEST(ApplyTest, PathRewrites) {
  using Kind = PathMatch::Kind;
  struct Case {
    const char* name;
    Route route;
    std::string path;
    std::string expected;
  };
  const Case kCases[] = {
      {"prefix", ForwardTo({Kind::kPrefix, false, "/old"}, PrefixRewrite{"/new"}), "/old/x?y=1",
       "/new/x?y=1"},
      {"exact", ForwardTo({Kind::kExact, false, "/old"}, PrefixRewrite{"/new"}), "/old?y",
       "/new?y"},
      {"a regex is replaced whole", ForwardTo({Kind::kRegex, false, "/.*"}, PrefixRewrite{"/new"}),
       "/a/b?y", "/new?y"},
      {"regex groups",
       ForwardTo({Kind::kPrefix, false, "/"}, RegexRewrite{R("^/(.*?)/v1(.*)$"), "/v2/\\1\\2"}),
       "/shop/v1/cart?q", "/v2/shop/cart?q"},
      {"every match", ForwardTo({Kind::kPrefix, false, "/"}, RegexRewrite{R("one"), "two"}),
       "/xxx/one/one?one", "/xxx/two/two?one"},
      {"template",
       ForwardTo(
           {Kind::kTemplate, false, "/u/{id}/{rest=**}"},
           TemplatePathRewrite{"/files/{rest}/of/{id}", R(*TemplateRegex("/u/{id}/{rest=**}"))}),
       "/u/7/a/b?x", "/files/a/b/of/7?x"},
      {"format", ForwardTo({Kind::kPrefix, false, "/"}, FormatRewrite{F("/p")}), "/a?x", "/p?x"},
  };
  for (const Case& c : kCases) EXPECT_EQ(RewritePath(c.route, c.path), c.expected) << c.name;
  EXPECT_EQ(RewritePath(ForwardTo({}, {}), "/a"), std::nullopt);
}

TEST(ApplyTest, WeightedClustersFollowTheRandomValue) {
  Forward forward;
  forward.weighted.resize(3);
  forward.weighted[0].name = "a";
  forward.weighted[0].weight = 30;
  forward.weighted[1].name = "b";
  forward.weighted[1].weight = 0;
  forward.weighted[2].cluster_header = "x-c";
  forward.weighted[2].weight = 70;
  forward.total_weight = 100;
  forward.weight_header = "x-random";
  http::HeaderList headers = {{"x-c", "chosen"}};
  const auto pick = [&](uint64_t random) {
    Request request;
    request.headers = headers.view();
    request.random = random;
    return PickCluster(forward, request);
  };
  EXPECT_EQ(pick(129).cluster, "a");
  EXPECT_EQ(pick(30).cluster, "chosen");
  EXPECT_EQ(pick(30).weighted, &forward.weighted[2]);
  headers.Add("x-random", "5");
  EXPECT_EQ(pick(30).cluster, "a");
  headers.Add("x-random", "6");
  EXPECT_EQ(pick(30).cluster, "chosen");
}

TEST(ApplyTest, ClusterByHeader) {
  Forward forward;
  forward.cluster_header = "x-to";
  const http::HeaderList headers = {{"x-to", "v2"}};
  Request request;
  request.authority = "shop";
  EXPECT_EQ(PickCluster(forward, request).cluster, "");
  request.headers = headers.view();
  EXPECT_EQ(PickCluster(forward, request).cluster, "v2");
  // Of HTTP/1.1 the headers hold no pseudo-headers.
  forward.cluster_header = ":authority";
  EXPECT_EQ(PickCluster(forward, request).cluster, "shop");
  forward.weighted.resize(1);
  forward.weighted[0].cluster_header = ":authority";
  forward.weighted[0].weight = forward.total_weight = 1;
  EXPECT_EQ(PickCluster(forward, request).cluster, "shop");
}

TEST(ApplyTest, Redirects) {
  struct Case {
    const char* name;
    Redirect redirect;
    std::string authority;
    std::string path;
    std::string expected;
  };
  Redirect host;
  host.host = "new.example";
  Redirect https;
  https.scheme = "https";
  Redirect port = https;
  port.port = ":8443";
  Redirect path;
  path.path = "/new";
  Redirect own_query;
  own_query.path = "/new?own";
  own_query.strip_query = true;
  Redirect strip;
  strip.strip_query = true;
  Redirect prefix;
  prefix.rewrite = PrefixRewrite{"/new"};
  const Case kCases[] = {
      {"host", host, "old.example:80", "/a?b", "http://new.example/a?b"},
      {"https drops the old default port", https, "old.example:80", "/a", "https://old.example/a"},
      {"https keeps another port", https, "old.example:81", "/a", "https://old.example:81/a"},
      {"port", port, "[::1]:80", "/a", "https://[::1]:8443/a"},
      {"path keeps the query", path, "h", "/a?b", "http://h/new?b"},
      {"path with its own query", own_query, "h", "/a?b", "http://h/new?own"},
      {"strip", strip, "h", "/a?b", "http://h/a"},
      {"prefix", prefix, "h", "/old/a?b", "http://h/new/a?b"},
  };
  for (const Case& c : kCases) {
    Route route;
    route.path = {PathMatch::Kind::kPrefix, false, "/old"};
    route.action = c.redirect;
    Request request;
    request.authority = c.authority;
    request.path = c.path;
    EXPECT_EQ(RedirectLocation(route, request), c.expected) << c.name;
  }
  Request request;
  request.authority = "h";
  request.path = "/a?b";
  EXPECT_EQ(TlsRedirectLocation(request), "https://h/a?b");
}

HeaderAdd Add(std::string name, std::string_view value,
              HeaderAdd::How how = HeaderAdd::How::kAppendOrAdd) {
  HeaderAdd add;
  add.name = std::move(name);
  add.value = F(value);
  add.how = how;
  return add;
}

class LevelsTest : public testing::TestWithParam<bool> {};

TEST_P(LevelsTest, HeadersOfAllLevels) {
  auto host = std::make_shared<VirtualHost>();
  host->domains = {"*"};
  host->rules.emplace_back();
  RouteConfig config;
  config.table = Table::Build({host}, {}).table;
  config.most_specific_header_mutations_wins = GetParam();
  config.headers.request_add = {Add("x", "table", HeaderAdd::How::kOverwriteOrAdd),
                                Add("y", "table")};
  config.headers.response_remove = {"server"};
  auto actions = std::make_shared<VirtualHostActions>();
  actions->headers.request_add = {Add("x", "host", HeaderAdd::How::kOverwriteOrAdd),
                                  Add("y", "host")};
  actions->routes.push_back(ForwardTo({}, PrefixRewrite{"/new/"}));
  Route& route = actions->routes[0];
  route.headers.request_remove = {"secret"};
  route.headers.request_add = {Add("x", "route", HeaderAdd::How::kOverwriteOrAdd),
                               Add("y", "%REQ(:path)%"),
                               Add("there", "no", HeaderAdd::How::kAddIfAbsent),
                               Add("new", "yes", HeaderAdd::How::kAddIfAbsent),
                               Add("gone", "no", HeaderAdd::How::kOverwriteIfExists),
                               Add("empty", "%REQ(none)%")};
  route.headers.response_add = {Add("path", "%REQ(:path)%")};
  auto& forward = std::get<Forward>(route.action);
  forward.host_rewrite = LiteralHost{"inner"};
  forward.append_x_forwarded_host = true;
  config.virtual_hosts = {actions};
  Request request;
  request.authority = "outer";
  request.path = "/a";
  http::HeaderList headers = {{"secret", "1"}, {"there", "yes"}};
  request.headers = headers.view();
  const Match match = config.table->Find(request);
  ASSERT_TRUE(match.found());
  RequestTarget target{"outer", "/a"};
  ApplyRequest(config, match, {"c"}, request, nullptr, &target, &headers);
  EXPECT_EQ(target.authority, "inner");
  EXPECT_EQ(target.path, "/new/a");
  const bool specific = GetParam();
  EXPECT_EQ(headers.view().First("x"), specific ? "route" : "table");
  EXPECT_EQ(http::JoinedHeader(headers.view(), "y").value(),
            specific ? "table,host,/a" : "/a,host,table");
  EXPECT_FALSE(headers.view().Has("secret"));
  EXPECT_EQ(headers.view().First("there"), "yes");
  EXPECT_EQ(headers.view().First("new"), "yes");
  EXPECT_FALSE(headers.view().Has("gone"));
  EXPECT_FALSE(headers.view().Has("empty"));
  EXPECT_EQ(headers.view().First("x-forwarded-host"), "outer");
  EXPECT_EQ(headers.view().First("x-envoy-original-path"), "/a");
  http::HeaderList response = {{"server", "x"}};
  ApplyResponse(config, match, {"c"}, request, nullptr, &response);
  EXPECT_FALSE(response.view().Has("server"));
  EXPECT_EQ(response.view().First("path"), "/a");
}

INSTANTIATE_TEST_SUITE_P(MostSpecificWins, LevelsTest, testing::Bool());

TEST(ApplyTest, Hashes) {
  Request request;
  request.path = "/?q=v";
  const http::HeaderList headers = {{"x-user", "jason"}, {"cookie", "s=1"}};
  request.headers = headers.view();
  HashPolicy header;
  header.name = "x-user";
  header.terminal = true;
  HashPolicy missing;
  missing.name = "x-none";
  HashPolicy query;
  query.kind = HashPolicy::Kind::kQueryParameter;
  query.name = "q";
  HashPolicy cookie;
  cookie.kind = HashPolicy::Kind::kCookie;
  cookie.name = "new";
  cookie.cookie_ttl = absl::Seconds(60);
  HashPolicy authority;
  authority.name = ":authority";
  request.authority = "shop";
  EXPECT_EQ(HashOf({authority}, request, ""), XxHash64("shop"));
  EXPECT_EQ(HashOf({missing}, request, ""), std::nullopt);
  EXPECT_EQ(HashOf({header, query}, request, ""), XxHash64("jason"));
  NewCookie made;
  const auto hash = HashOf({cookie}, request, "", &made);
  EXPECT_EQ(made.name, "new");
  EXPECT_EQ(hash, XxHash64(made.value));
}

}  // namespace
}  // namespace mesh::route::action
