#include "mesh/envoy/listener.h"

#include <gtest/gtest.h>

#include <string>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/fault.h"
#include "mesh/envoy/proxy_routes.h"

namespace mesh::envoy {
namespace {

template <class Proto>
Proto FromJson(const std::string& json) {
  // Any's JSON form needs these linked in.
  ::envoy::extensions::access_loggers::file::v3::FileAccessLog::descriptor();
  ::envoy::extensions::filters::http::cors::v3::Cors::descriptor();
  ::envoy::extensions::filters::http::router::v3::Router::descriptor();
  ::envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext::descriptor();
  Proto proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  return proto;
}

const char kRouter[] =
    R"({"name":"envoy.filters.http.router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}})";

std::string Manager(const std::string& fields, const std::string& filters = kRouter) {
  return R"({"name":"in","address":{"socket_address":{"address":"127.1.0.4","port_value":9080}},
    "filter_chains":[{"filters":[{"name":"envoy.filters.network.http_connection_manager","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    )" + fields +
         R"(,"http_filters":[)" + filters + "]}}]}]}";
}

absl::StatusOr<Listener> Load(const std::string& json) {
  return LoadListener(FromJson<::envoy::config::listener::v3::Listener>(json));
}

absl::StatusOr<Cluster> LoadC(const std::string& json) {
  return LoadCluster(FromJson<::envoy::config::cluster::v3::Cluster>(json));
}

TEST(LoadListenerTest, WhatASidecarIsSent) {
  const auto loaded = Load(R"({
 "name": "127.1.0.4_9080", "traffic_direction": "INBOUND",
 "address": {"socket_address": {"address": "127.1.0.4", "port_value": 9080}},
 "listener_filters_timeout": "5s", "continue_on_listener_filters_timeout": true,
 "filter_chains": [{"filters": [{
   "name": "envoy.filters.network.http_connection_manager",
   "typed_config": {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "inbound_127.1.0.4_9080",
    "route_config": {"name": "inbound|9080|http|reviews", "validate_clusters": false,
      "virtual_hosts": [{"name": "inbound|http|9080", "domains": ["*"],
        "routes": [{"name": "default", "match": {"prefix": "/"},
          "route": {"cluster": "inbound|9080|http|reviews", "timeout": "0s"},
          "decorator": {"operation": "reviews:9080/*"}}]}]},
    "http_filters": [
      {"name": "envoy.filters.http.cors", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"}},
      {"name": "envoy.filters.http.fault", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}},
      {"name": "envoy.filters.http.router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    "tracing": {"client_sampling": {"value": 100}, "random_sampling": {"value": 100}, "overall_sampling": {"value": 100}},
    "server_name": "istio-envoy", "stream_idle_timeout": "0s",
    "access_log": [{"name": "envoy.access_loggers.file", "typed_config": {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
      "path": "/dev/stdout", "log_format": {"text_format_source": {"inline_string": "%PROTOCOL%\n"}}}}],
    "use_remote_address": false, "generate_request_id": true,
    "forward_client_cert_details": "APPEND_FORWARD",
    "set_current_client_cert_details": {"subject": true, "dns": true, "uri": true},
    "upgrade_configs": [{"upgrade_type": "websocket"}], "normalize_path": true}}]}]})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->name, "127.1.0.4_9080");
  EXPECT_EQ(loaded->address.ToString(), "127.1.0.4:9080");
  EXPECT_EQ(loaded->direction, Listener::Direction::kInbound);
  const auto& http = std::get<HttpConnectionManager>(loaded->chains[0].filter);
  EXPECT_EQ(http.stat_prefix, "inbound_127.1.0.4_9080");
  ASSERT_NE(http.routes, nullptr);
  EXPECT_EQ(http.routes->name, "inbound|9080|http|reviews");
  EXPECT_TRUE(http.has_cors_filter);
  EXPECT_TRUE(http.has_fault_filter);
  EXPECT_EQ(http.server_name, "istio-envoy");
  EXPECT_EQ(http.stream_idle_timeout, absl::ZeroDuration());
  ASSERT_EQ(http.access_logs.size(), 1u);
  EXPECT_EQ(http.access_logs[0].path, "/dev/stdout");
  EXPECT_EQ(http.access_logs[0].format, "%PROTOCOL%\n");
  EXPECT_EQ(http.client_cert, HttpConnectionManager::ClientCert::kAppendForward);
  EXPECT_EQ(http.upgrades, std::vector<std::string>{"websocket"});
  EXPECT_TRUE(http.path_normalization.normalize);
}

TEST(LoadListenerTest, ListenerFiltersAreOffByPort) {
  const auto load = [](const std::string& predicate) {
    return Load(absl::StrCat(
        R"({"name":"in","address":{"socket_address":{"address":"::1","port_value":1}},
        "listener_filters":[{"name":"tls","filter_disabled":)",
        predicate, R"(,"typed_config":{
          "@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}],
        "filter_chains":[{"filters":[{"name":"tcp","typed_config":{
          "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
          "stat_prefix":"x","cluster":"a"}}]}]})"));
  };
  const auto ports = [&](const std::string& predicate) {
    const auto loaded = load(predicate);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (!loaded.ok()) return std::string();
    std::string out;
    for (uint16_t port : {0, 1, 79, 80, 81, 82, 3306, 65535}) {
      if (!loaded->inspection.LooksForTls(port)) absl::StrAppend(&out, port, " ");
    }
    return out;
  };
  const std::string http = R"({"destination_port_range":{"start":80,"end":82}})";
  const std::string mysql = R"({"destination_port_range":{"start":3306,"end":3307}})";
  EXPECT_EQ(ports(http), "80 81 ");
  EXPECT_EQ(ports(absl::StrCat(R"({"or_match":{"rules":[)", mysql, ",", http, "]}}")),
            "80 81 3306 ");
  EXPECT_EQ(ports(absl::StrCat(R"({"and_match":{"rules":[)", mysql, ",", http, "]}}")), "");
  EXPECT_EQ(ports(absl::StrCat(R"({"and_match":{"rules":[{"not_match":)", mysql,
                               R"(},{"destination_port_range":{"start":81,"end":65536}}]}})")),
            "81 82 65535 ");
  EXPECT_EQ(ports(R"({"any_match":true})"), "0 1 79 80 81 82 3306 65535 ");
  EXPECT_EQ(ports(R"({"not_match":{"any_match":true}})"), "");
  EXPECT_EQ(load("{}").status().message(),
            "listener \"in\" listener_filters[0].filter_disabled: no rule is set");
}

TEST(LoadListenerTest, AccessLogsOfWhatNoChainTakesAndByFlags) {
  const auto load = [](const std::string& of_listener, const std::string& of_chain) {
    const auto log = [](const std::string& filter) {
      return absl::StrCat(R"("access_log":[{"name":"f",)", filter, R"("typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path":"/dev/null"}}],)");
    };
    return Load(absl::StrCat(
        R"({"name":"in","address":{"socket_address":{"address":"::1","port_value":1}},)",
        log(of_listener), R"("filter_chains":[{"filters":[{"name":"tcp","typed_config":{)",
        log(of_chain), R"(
          "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
          "stat_prefix":"x","cluster":"a"}}]}]})"));
  };
  const auto flags = [](const std::string& names) {
    return absl::StrCat(R"("filter":{"response_flag_filter":{"flags":[)", names, "]}},");
  };
  const auto loaded = load(flags(R"("NR")"), flags(R"("UF","URX")"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->access_logs.at(0).response_flags, std::vector<std::string>{"NR"});
  EXPECT_EQ(std::get<TcpProxy>(loaded->chains[0].filter).access_logs.at(0).response_flags,
            (std::vector<std::string>{"UF", "URX"}));
  EXPECT_EQ(
      load("", "").status().message(),
      "listener \"in\" access_log[0].filter: only a response_flag_filter for NR is supported: "
      "connections that a filter chain takes are written by that chain");
  EXPECT_EQ(load(flags(R"("NR")"), flags(R"("XX")")).status().message(),
            "listener \"in\" filter_chains[0].filters[0].typed_config.access_log[0].filter."
            "response_flag_filter.flags[0]: \"XX\" is no response flag");
  EXPECT_EQ(
      load(flags(R"("NR")"), R"("filter":{"not_health_check_filter":{}},)").status().message(),
      "listener \"in\" filter_chains[0].filters[0].typed_config.access_log[0].filter."
      "not_health_check_filter: not supported");
}

TEST(LoadListenerTest, RoutesOverRdsAndTcp) {
  auto loaded = Load(Manager(
      R"("stat_prefix":"x","rds":{"route_config_name":"80","config_source":{"ads":{},"initial_fetch_timeout":"3s"}})"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(std::get<HttpConnectionManager>(loaded->chains[0].filter).route_config_name, "80");
  EXPECT_EQ(std::get<HttpConnectionManager>(loaded->chains[0].filter).routes_initial_fetch_timeout,
            absl::Seconds(3));

  loaded = Load(R"({"name":"t","address":{"socket_address":{"address":"::1","port_value":1}},
    "filter_chains":[{"filters":[{"name":"tcp","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "stat_prefix":"x","weighted_clusters":{"clusters":[{"name":"a","weight":1},{"name":"b","weight":9}]}}}]}]})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto& tcp = std::get<TcpProxy>(loaded->chains[0].filter);
  ASSERT_EQ(tcp.targets.size(), 2u);
  EXPECT_EQ(tcp.targets[1].cluster, "b");
  EXPECT_EQ(tcp.targets[1].weight, 9u);
}

const char kRds[] =
    R"("stat_prefix":"x","rds":{"route_config_name":"80","config_source":{"ads":{}}})";
#define MANAGER "listener \"in\" filter_chains[0].filters[0].typed_config."

TEST(LoadListenerTest, EveryFieldThatIsNotDoneIsNamed) {
  const std::string rds = kRds;
  const struct {
    const char* name;
    std::string json;
    const char* error;
  } cases[] = {
      {"a filter",
       Manager(
           rds,
           R"({"name":"x","typed_config":{"@type":"type.googleapis.com/envoy.config.core.v3.Address"}},)" +
               std::string(kRouter)),
       MANAGER "http_filters[0].typed_config: envoy.config.core.v3.Address is not supported"},
      {"no router", Manager(rds, ""), MANAGER "http_filters: the router is missing"},
      {"a field of the manager", Manager(rds + R"(,"via":"me")"), MANAGER "via: not supported"},
      {"two fields", Manager(rds + R"(,"via":"me","local_reply_config":{})"),
       MANAGER "via: not supported\n" MANAGER "local_reply_config: not supported"},
      {"HTTP/2 alone", Manager(rds + R"(,"codec_type":"HTTP2")"),
       MANAGER "codec_type: HTTP2 is not supported"},
      {"JSON logs", Manager(rds + R"(,"access_log":[{"name":"a","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path":"/dev/stdout","log_format":{"json_format":{"a":"b"}}}}])"),
       MANAGER "access_log[0].typed_config.log_format.json_format: not supported"},
      {"CONNECT", Manager(rds + R"(,"upgrade_configs":[{"upgrade_type":"CONNECT"}])"),
       MANAGER "upgrade_configs[0].upgrade_type: CONNECT is not supported"},
      {"routes from elsewhere",
       Manager(
           R"("stat_prefix":"x","rds":{"route_config_name":"80","config_source":{"path":"/x"}})"),
       MANAGER "rds.config_source.path: not supported\n" MANAGER
               "rds.config_source: only ads is supported"},
      {"no stat prefix", Manager(R"("rds":{"route_config_name":"80","config_source":{"ads":{}}})"),
       MANAGER "stat_prefix: missing"},
      {"no chain", R"({"name":"in","address":{"socket_address":{"address":"::1","port_value":1}}})",
       "listener \"in\" filter_chains: missing"},
      {"no address", R"({"name":"in"})",
       "listener \"in\" address: missing\nlistener \"in\" filter_chains: missing"},
      {"a name for an address",
       R"({"name":"in","address":{"socket_address":{"address":"host","port_value":1}}})",
       "listener \"in\" address.socket_address.address: \"host\" is no IP address\n"
       "listener \"in\" filter_chains: missing"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Load(c.json).status().message(), c.error);
  }
}

TEST(LoadListenerTest, IstiosOwnFiltersThatOnlyObserveArePassedOver) {
  auto proto = FromJson<::envoy::config::listener::v3::Listener>(R"({"name":"l",
    "address":{"socket_address":{"address":"127.0.0.1","port_value":80}},
    "use_original_dst":true,"bind_to_port":false,
    "filter_chains":[{
      "transport_socket":{"name":"tls","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context":{"alpn_protocols":["istio-peer-exchange","istio"],
          "tls_certificate_sds_secret_configs":[{"name":"default","sds_config":{"ads":{}}}]}}},
      "filters":[{"name":"exchange","typed_config":{
          "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"}},
        {"name":"tcp","typed_config":{
          "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
          "stat_prefix":"t","cluster":"c"}}]}]})");
  auto* exchange = proto.mutable_filter_chains(0)->mutable_filters(0)->mutable_typed_config();
  EXPECT_FALSE(LoadListener(proto).ok());
  // A TypedStruct that stands for Istio's message: its first field is an Any's.
  google::protobuf::Any inner;
  inner.set_type_url("type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange");
  exchange->set_type_url("type.googleapis.com/udpa.type.v1.TypedStruct");
  exchange->set_value(inner.SerializeAsString());
  const auto listener = LoadListener(proto);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(listener->hands_off);
  EXPECT_FALSE(listener->bind_to_port);
  ASSERT_NE(listener->chains[0].tls, nullptr);
  // Nobody is promised an exchange that does not come.
  EXPECT_EQ(listener->chains[0].tls->alpn, std::vector<std::string>{"istio"});
}

TEST(LoadClusterTest, WhatASidecarIsSent) {
  auto loaded = LoadC(R"({"name":"outbound|9080|v1|reviews.default.svc.cluster.local","type":"EDS",
    "eds_cluster_config":{"eds_config":{"ads":{}},"service_name":"s"},"connect_timeout":"10s",
    "circuit_breakers":{"thresholds":[{"max_connections":4294967295,"max_pending_requests":4294967295,
      "max_requests":4294967295,"max_retries":4294967295}]},
    "metadata":{"filter_metadata":{"istio":{"config":"/apis/x","subset":"v1"}}}})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->discovery, Cluster::Discovery::kEds);
  EXPECT_EQ(loaded->eds_name, "s");
  EXPECT_EQ(loaded->connect_timeout, absl::Seconds(10));
  EXPECT_EQ(loaded->limits.max_retries, Cluster::kUnlimited);
  EXPECT_EQ(loaded->destination_service, "reviews.default.svc.cluster.local");
  EXPECT_EQ(loaded->destination_service_name, "reviews");
  EXPECT_EQ(loaded->destination_service_namespace, "default");

  loaded = LoadC(R"({"name":"BlackHoleCluster","type":"STATIC","connect_timeout":"10s"})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->endpoints.endpoints.empty());
  EXPECT_EQ(loaded->limits.max_connections, 1024u);

  loaded =
      LoadC(R"({"name":"PassthroughCluster","type":"ORIGINAL_DST","lb_policy":"CLUSTER_PROVIDED",
    "typed_extension_protocol_options":{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":{
      "@type":"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "use_downstream_protocol_config":{"http_protocol_options":{},"http2_protocol_options":{}}}}})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->discovery, Cluster::Discovery::kOriginalDst);

  loaded = LoadC(R"({"name":"dns","type":"STRICT_DNS","dns_lookup_family":"V4_ONLY",
    "dns_refresh_rate":"7s","lb_policy":"LEAST_REQUEST","upstream_bind_config":{"source_address":
    {"address":"127.0.0.6","port_value":0}},"load_assignment":{"cluster_name":"dns","endpoints":[
    {"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"host","port_value":1}}}}]}]}})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->dns_ipv4_only);
  EXPECT_EQ(loaded->dns_refresh, absl::Seconds(7));
  EXPECT_EQ(loaded->balancing, Cluster::Balancing::kLeastRequest);
  EXPECT_EQ(loaded->bind_source->host, "127.0.0.6");
  EXPECT_EQ(loaded->endpoints.endpoints[0].address.ToString(), "host:1");
}

TEST(LoadClusterTest, EveryFieldThatIsNotDoneIsNamed) {
  const struct {
    const char* json;
    const char* error;
  } cases[] = {
      {R"({"name":"a","lb_policy":"RING_HASH"})",
       "cluster \"a\" lb_policy: RING_HASH is not supported"},
      {R"({"name":"a","type":"LOGICAL_DNS"})", "cluster \"a\" type: LOGICAL_DNS is not supported"},
      {R"({"name":"a","outlier_detection":{},"health_checks":[{}]})",
       "cluster \"a\" health_checks: not supported\ncluster \"a\" outlier_detection: not "
       "supported"},
      {R"({"name":"a","transport_socket":{"name":"tls"}})",
       "cluster \"a\" transport_socket: tls is not supported"},
      {R"({"name":"a","typed_extension_protocol_options":{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":{
        "@type":"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config":{"http2_protocol_options":{}}}}})",
       "cluster \"a\" typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3."
       "HttpProtocolOptions\"].explicit_http_config.http2_protocol_options: not supported"},
      {R"({"name":"a","circuit_breakers":{"thresholds":[{"priority":"HIGH"}]}})",
       "cluster \"a\" circuit_breakers.thresholds[0].priority: only DEFAULT is supported"},
      {R"({"name":"a","type":"EDS","eds_cluster_config":{"eds_config":{"path":"/x"}}})",
       "cluster \"a\" eds_cluster_config.eds_config.path: not supported\n"
       "cluster \"a\" eds_cluster_config.eds_config: only ads is supported"},
      {R"({"name":"a","connect_timeout":"0s"})",
       "cluster \"a\" connect_timeout: must be more than 0s"},
      {R"({})", "cluster \"\" name: missing"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.json);
    EXPECT_EQ(LoadC(c.json).status().message(), c.error);
  }
}

TEST(LoadEndpointsTest, LoadsLocalitiesWeightsAndHealth) {
  const auto loaded = LoadEndpoints(FromJson<::envoy::config::endpoint::v3::ClusterLoadAssignment>(
      R"({"cluster_name":"a","endpoints":[{"locality":{"region":"r","zone":"z"},"priority":1,
      "load_balancing_weight":3,"lb_endpoints":[
        {"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":1}}},
         "load_balancing_weight":2,"health_status":"UNHEALTHY",
         "metadata":{"filter_metadata":{"istio":{"workload":"w;n;c;v;k"}}}},
        {"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":1}}}}]}]})"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->endpoints.size(), 2u);
  const Endpoint& first = loaded->endpoints[0];
  EXPECT_EQ(first.address.ToString(), "10.0.0.1:1");
  EXPECT_EQ(first.weight, 2u);
  EXPECT_EQ(first.priority, 1u);
  EXPECT_FALSE(first.healthy);
  EXPECT_EQ(first.locality, "r/z");
  EXPECT_EQ(first.locality_weight, 3u);
  EXPECT_EQ(first.workload_name, "w");
  EXPECT_EQ(first.workload_namespace, "n");
  EXPECT_TRUE(loaded->endpoints[1].healthy);
  EXPECT_EQ(
      LoadEndpoints(
          FromJson<::envoy::config::endpoint::v3::ClusterLoadAssignment>(
              R"({"cluster_name":"a","endpoints":[{"lb_endpoints":[{"endpoint_name":"x"}]}]})"))
          .status()
          .message(),
      "endpoints \"a\" endpoints[0].lb_endpoints[0].endpoint_name: not supported\n"
      "endpoints \"a\" endpoints[0].lb_endpoints[0].endpoint.address: missing");
}

TEST(LoadProxyRoutesTest, FaultsAreRead) {
  const auto load = [](const std::string& filter) {
    return LoadProxyRoutes(FromJson<::envoy::config::route::v3::RouteConfiguration>(
        R"({"name":"r","virtual_hosts":[{"name":"v","domains":["*"],"routes":[{"match":{"prefix":"/"},
        "route":{"cluster":"c"},"typed_per_filter_config":{)" +
        filter + "}}]}]}"));
  };
  const auto loaded = load(
      R"("envoy.filters.http.fault":{"@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
      "delay":{"fixed_delay":"2s","percentage":{"numerator":5,"denominator":"MILLION"}},
      "abort":{"http_status":555,"percentage":{"numerator":7}}})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto& filters = (*loaded)->virtual_hosts[0]->routes[0].filters;
  const auto* fault = static_cast<const Fault*>(filters.find(kFaultFilter)->second.parsed.get());
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->delay, absl::Seconds(2));
  EXPECT_EQ(fault->delay_share.numerator, 5u);
  EXPECT_EQ(fault->delay_share.of, 1000000u);
  EXPECT_EQ(fault->abort_status, 555);
  EXPECT_EQ(fault->abort_share.of, 100u);
  EXPECT_NE(
      std::string(
          load(
              R"("envoy.filters.http.fault":{"@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
      "response_rate_limit":{"fixed_limit":{"limit_kbps":1}}})")
              .status()
              .message())
          .find("response_rate_limit: not supported"),
      std::string::npos);
}

}  // namespace
}  // namespace mesh::envoy
