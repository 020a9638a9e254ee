#include "mesh/envoy/route.h"

#include <string>

#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/route/action/apply.h"

namespace mesh::envoy {
namespace {

using ::envoy::config::route::v3::RouteConfiguration;
namespace action = route::action;

RouteConfiguration Json(const std::string& json) {
  RouteConfiguration proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return proto;
}

// One virtual host "h" for all hosts, with these routes.
RouteConfiguration Routes(const std::string& routes) {
  return Json(R"({"name":"r","virtualHosts":[{"name":"h","domains":["*"],"routes":[)" + routes +
              "]}]}");
}

std::string Errors(const RouteConfiguration& proto, RouteOptions options = {}) {
  const auto loaded = LoadRoutes(proto, options);
  return loaded.ok() ? "" : std::string(Std(loaded.status().message()));
}

TEST(RouteTest, LoadsWhatDecidesAndWhatActs) {
  const auto config = LoadRoutes(Routes(R"(
    {"match":{"prefix":"/a","headers":[{"name":"X-User","stringMatch":{"exact":"jason"}}]},
     "route":{"cluster":"v2","prefixRewrite":"/b","timeout":"3s",
              "retryPolicy":{"retryOn":"5xx,reset","numRetries":2}}},
    {"name":"rest","match":{"prefix":"/"},
     "route":{"weightedClusters":{"clusters":[{"name":"v1","weight":90},
                                              {"name":"v2","weight":10}]}}})"));
  ASSERT_TRUE(config.ok()) << config.status();
  route::Request request;
  request.authority = "shop";
  request.path = "/a/x";
  const http::HeaderList headers = {{"x-user", "jason"}};
  request.headers = headers.view();
  const route::Match first = (*config)->table->Find(request);
  ASSERT_TRUE(first.found());
  const action::Route* route = (*config)->RouteOf(first);
  const auto& forward = std::get<action::Forward>(route->action);
  EXPECT_EQ(forward.cluster, "v2");
  EXPECT_EQ(forward.timeout, absl::Seconds(3));
  EXPECT_EQ(forward.retry.retry_on, (std::vector<std::string>{"5xx", "reset"}));
  EXPECT_EQ(forward.retry.num_retries, 2u);
  EXPECT_EQ(action::RewritePath(*route, "/a/x"), "/b/x");
  request.headers = {};
  const action::Route* rest = (*config)->RouteOf((*config)->table->Find(request));
  EXPECT_EQ(rest->name, "rest");
  request.random = 95;
  EXPECT_EQ(action::PickCluster(std::get<action::Forward>(rest->action), request).cluster, "v2");
}

struct Rejection {
  const char* name;
  const char* route;
  const char* message;
};

TEST(RouteTest, RejectsWithFieldAndReason) {
  const Rejection kCases[] = {
      {"no match", R"({"route":{"cluster":"c"}})",
       "virtual host h routes[0].match: value is required"},
      {"no path", R"({"match":{},"route":{"cluster":"c"}})",
       "virtual host h routes[0].match.path_specifier: is required"},
      {"no action", R"({"match":{"prefix":"/"}})", "virtual host h routes[0].action: is required"},
      {"regex", R"j({"match":{"safeRegex":{"regex":"/(+x)"}},"route":{"cluster":"c"}})j",
       "virtual host h routes[0].match.safe_regex: invalid regex \"/(+x)\": no argument for "
       "repetition operator: +"},
      {"line break", R"({"match":{"prefix":"/"},"redirect":{"hostRedirect":"a\nb"}})",
       "virtual host h routes[0].redirect.host_redirect: value does not match regex pattern of an "
       "HTTP header value"},
      {"two rewrites",
       R"({"match":{"prefix":"/"},"route":{"cluster":"c","prefixRewrite":"/",
           "regexRewrite":{"pattern":{"regex":"a"},"substitution":"b"}}})",
       "virtual host h routes[0].route: Specify only one of prefix_rewrite, regex_rewrite, "
       "path_rewrite_policy or path_rewrite"},
      {"weights",
       R"({"match":{"prefix":"/"},"route":{"weightedClusters":{"clusters":[{"name":"a","weight":0}]}}})",
       "virtual host h routes[0].route.weighted_clusters: Sum of weights in the weighted_cluster "
       "must be greater than 0."},
      {"header variable",
       R"({"match":{"prefix":"/"},"route":{"cluster":"c"},
           "requestHeadersToAdd":[{"header":{"key":"a","value":"%HOSTNAME"}}]})",
       "virtual host h routes[0].request_headers_to_add[0].header.value: Invalid header "
       "configuration. Un-terminated variable expression 'HOSTNAME'"},
      {"host header", R"({"match":{"prefix":"/"},"route":{"cluster":"c"},
           "requestHeadersToRemove":["Host"]})",
       "virtual host h routes[0].request_headers_to_remove[0]: :-prefixed or host headers may not "
       "be removed"},
      {"status", R"({"match":{"prefix":"/"},"directResponse":{"status":99}})",
       "virtual host h routes[0].direct_response.status: value must be at least 200"},
      {"filter",
       R"({"match":{"prefix":"/"},"route":{"cluster":"c"},"typedPerFilterConfig":
           {"unknown":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}})",
       "virtual host h routes[0].typed_per_filter_config[\"unknown\"]: Didn't find a registered "
       "implementation for 'unknown' with type URL: 'google.protobuf.Duration'"},
      {"template rewrite without template",
       R"({"match":{"prefix":"/"},"route":{"cluster":"c","pathRewritePolicy":{"name":"t","typedConfig":
           {"@type":"type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
            "pathTemplateRewrite":"/x"}}}})",
       "virtual host h routes[0].route.path_rewrite_policy: unable to use the uri_template "
       "rewriter "
       "without the uri_template matcher in match.path_match_policy"},
  };
  for (const Rejection& c : kCases) EXPECT_EQ(Errors(Routes(c.route)), c.message) << c.name;
}

TEST(RouteTest, OneBadRouteCanBeLeftOut) {
  const RouteConfiguration proto = Routes(R"(
    {"match":{"safeRegex":{"regex":"("}},"route":{"cluster":"bad"}},
    {"match":{"prefix":"/"},"route":{"cluster":"good"}})");
  RouteOptions options;
  options.isolate_errors = true;
  const LoadedRoutes loaded = LoadRouteConfig(proto, options);
  ASSERT_NE(loaded.config, nullptr);
  EXPECT_EQ(loaded.errors.size(), 1u);
  route::Request request;
  request.authority = "x";
  request.path = "/";
  const route::Match match = loaded.config->table->Find(request);
  ASSERT_TRUE(match.found());
  EXPECT_EQ(std::get<action::Forward>(loaded.config->RouteOf(match)->action).cluster, "good");
}

TEST(RouteTest, UnknownClustersAreRejectedWhereAsked) {
  RouteOptions options;
  options.cluster_exists = [](const std::string& name) { return name == "known"; };
  RouteConfiguration proto = Routes(R"({"match":{"prefix":"/"},"route":{"cluster":"other"}})");
  EXPECT_EQ(Errors(proto, options),
            "virtual host h routes[0].route.cluster: route: unknown cluster 'other'");
  proto.mutable_validate_clusters()->set_value(false);
  EXPECT_EQ(Errors(proto, options), "");
}

TEST(RouteTest, UnchangedVirtualHostsAreShared) {
  RouteConfiguration proto = Routes(R"({"match":{"prefix":"/"},"route":{"cluster":"c"}})");
  RouteOptions options;
  const auto first = LoadRoutes(proto, options).value();
  auto* other = proto.add_virtual_hosts();
  *other = proto.virtual_hosts(0);
  other->set_name("other");
  other->set_domains(0, "other");
  options.previous = first;
  const auto second = LoadRoutes(proto, options).value();
  EXPECT_EQ(second->virtual_hosts[0], first->virtual_hosts[0]);
  EXPECT_EQ(second->table->virtual_hosts()[0], first->table->virtual_hosts()[0]);
  EXPECT_NE(second->virtual_hosts[1], first->virtual_hosts[0]);
}

TEST(RouteTest, MatcherTrees) {
  const RouteConfiguration proto = Json(R"({"virtualHosts":[{"name":"h","domains":["*"],"matcher":{
    "matcherTree":{"input":{"name":"i","typedConfig":{
        "@type":"type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "headerName":":path"}},
      "exactMatchMap":{"map":{"/a":{"action":{"name":"r","typedConfig":{
        "@type":"type.googleapis.com/envoy.config.route.v3.Route",
        "match":{"prefix":"/"},"route":{"cluster":"a"}}}}}}},
    "onNoMatch":{"action":{"name":"r","typedConfig":{
        "@type":"type.googleapis.com/envoy.config.route.v3.Route",
        "match":{"prefix":"/"},"route":{"cluster":"rest"}}}}}}]})");
  const auto config = LoadRoutes(proto);
  ASSERT_TRUE(config.ok()) << config.status();
  for (const auto& [path, cluster] :
       {std::pair<std::string, std::string>{"/a", "a"}, {"/b", "rest"}}) {
    route::Request request;
    request.authority = "x";
    request.path = path;
    const route::Match match = (*config)->table->Find(request);
    ASSERT_TRUE(match.found());
    EXPECT_EQ(std::get<action::Forward>((*config)->RouteOf(match)->action).cluster, cluster);
  }
}

}  // namespace
}  // namespace mesh::envoy
