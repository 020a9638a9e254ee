// TLS in listeners, clusters and secrets: what is read, and what is refused by name.
#include "mesh/envoy/transport_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/listener.h"

namespace mesh::envoy {
namespace {

template <class Proto>
Proto FromJson(const std::string& json) {
  // Any's JSON form needs these linked in.
  ::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector::descriptor();
  ::envoy::extensions::filters::listener::original_dst::v3::OriginalDst::descriptor();
  ::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor();
  ::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy::descriptor();
  ::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer::descriptor();
  ::envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext::descriptor();
  Proto proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  return proto;
}

std::string Socket(const std::string& type, const std::string& fields) {
  return absl::StrCat(R"({"name":"envoy.transport_sockets.tls","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.)",
                      type, "\",", fields, "}}");
}
std::string Server(const std::string& fields) { return Socket("DownstreamTlsContext", fields); }
std::string Client(const std::string& fields) { return Socket("UpstreamTlsContext", fields); }

const char kFilters[] = R"("filters":[{"name":"t","typed_config":{
    "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "stat_prefix":"t","cluster":"c"}}])";

absl::StatusOr<Listener> LoadWith(const std::string& socket, const std::string& more = "") {
  return LoadListener(FromJson<::envoy::config::listener::v3::Listener>(absl::StrCat(
      R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":1}},)", more,
      R"("filter_chains":[{"transport_socket":)", socket, ",", kFilters, "}]}")));
}

absl::StatusOr<Cluster> LoadClusterWith(const std::string& fields) {
  return LoadCluster(FromJson<::envoy::config::cluster::v3::Cluster>(
      absl::StrCat(R"({"name":"a","type":"STATIC",)", fields, "}")));
}

const char kSds[] = R"("sds_config":{"ads":{},"initial_fetch_timeout":"7s"})";
const char kCertificate[] =
    R"("tls_certificates":[{"certificate_chain":{"filename":"/c"},"private_key":{"inline_string":"k"}}])";

TEST(TransportSocketTest, ASidecarsInboundSide) {
  const auto loaded = LoadWith(
      Server(absl::StrCat(
          R"("common_tls_context":{"tls_certificate_sds_secret_configs":[{"name":"default",)", kSds,
          R"(}],"combined_validation_context":{"default_validation_context":{
            "match_subject_alt_names":[{"prefix":"spiffe://a/"},{"exact":"b","ignore_case":true}],
            "match_typed_subject_alt_names":[{"san_type":"DNS","matcher":{"suffix":".c"}}]},
            "validation_context_sds_secret_config":{"name":"ROOTCA","sds_config":{"ads":{}}}},
          "alpn_protocols":["istio-peer-exchange","h2","http/1.1"]},
          "require_client_certificate":true)")),
      R"("listener_filters":[
        {"name":"o","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst"}},
        {"name":"t","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}},
        {"name":"h","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"}}],
        "listener_filters_timeout":"1s","continue_on_listener_filters_timeout":true,)");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->inspection.tls);
  EXPECT_TRUE(loaded->inspection.http);
  EXPECT_TRUE(loaded->inspection.original_destination);
  EXPECT_EQ(loaded->inspection.timeout, absl::Seconds(1));
  EXPECT_TRUE(loaded->inspection.continue_on_timeout);
  const TlsSettings& tls = *loaded->chains[0].tls;
  EXPECT_EQ(tls.certificate_secret, "default");
  EXPECT_EQ(tls.validation_secret, "ROOTCA");
  EXPECT_EQ(tls.secrets_initial_fetch_timeout, absl::Seconds(15));  // the longer one
  EXPECT_TRUE(tls.require_client_certificate);
  EXPECT_TRUE(tls.resumption);
  // HTTP/2 is not spoken.
  EXPECT_EQ(tls.alpn, (std::vector<std::string>{"istio-peer-exchange", "http/1.1"}));
  std::vector<std::string> sans;
  for (const SanMatch& san : tls.validation.sans) {
    sans.push_back(absl::StrCat(static_cast<int>(san.type), " ", static_cast<int>(san.kind), " ",
                                san.value, san.ignore_case ? " any case" : ""));
  }
  // Typed ones as they are; an untyped one for each type, but a URI is a URI.
  EXPECT_EQ(sans, (std::vector<std::string>{"1 2 .c", "0 1 spiffe://a/", "0 0 b any case",
                                            "1 0 b any case", "2 0 b any case", "3 0 b any case"}));
}

TEST(TransportSocketTest, TheAgentGivesTheWorkloadsOwnSecrets) {
  const auto load = [](const std::string& name, const std::string& type) {
    return LoadWith(Server(absl::StrCat(
        R"("common_tls_context":{"tls_certificate_sds_secret_configs":[{"name":")", name,
        R"(","sds_config":{"resource_api_version":"V3","initial_fetch_timeout":"0s",
          "api_config_source":{"api_type":")",
        type, R"(","transport_api_version":"V3","set_node_on_first_message_only":true,
            "grpc_services":[{"envoy_grpc":{"cluster_name":"sds-grpc"}}]}}}]})")));
  };
  const auto loaded = load("default", "GRPC");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chains[0].tls->certificate_secret, "default");
  EXPECT_EQ(loaded->chains[0].tls->secrets_initial_fetch_timeout, absl::ZeroDuration());
  EXPECT_THAT(std::string(load("other", "GRPC").status().message()),
              testing::HasSubstr("sds_config.api_config_source: \"other\" does not come from the "
                                 "agent (default and ROOTCA do): use ads"));
  EXPECT_THAT(std::string(load("default", "REST").status().message()),
              testing::HasSubstr("api_config_source.api_type: only GRPC is supported"));
}

TEST(TransportSocketTest, AClusterChoosesByItsEndpoints) {
  const auto loaded = LoadClusterWith(absl::StrCat(
      R"("transport_socket_matches":[
        {"name":"tlsMode-istio","match":{"tlsMode":"istio"},"transport_socket":)",
      Client(absl::StrCat(
          R"("sni":"outbound_.80_._.a","common_tls_context":{"tls_certificate_sds_secret_configs":
            [{"name":"default",)",
          kSds, R"(}],"validation_context_sds_secret_config":{"name":"ROOTCA",)", kSds,
          R"(},"alpn_protocols":["istio-peer-exchange","istio","h2"]})")),
      R"(},{"name":"tlsMode-disabled","match":{},"transport_socket":{"name":"envoy.transport_sockets.raw_buffer"}}],
      "load_assignment":{"cluster_name":"a","endpoints":[{"lb_endpoints":[
        {"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":1}}},
         "metadata":{"filter_metadata":{"envoy.transport_socket_match":{"tlsMode":"istio","x":1}}}},
        {"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":1}}},
         "metadata":{"filter_metadata":{"envoy.transport_socket_match":{"tlsMode":"disabled"}}}},
        {"endpoint":{"address":{"socket_address":{"address":"10.0.0.3","port_value":1}}}}]}]})"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto& endpoints = loaded->endpoints.endpoints;
  const TransportSocket& mutual = TransportSocketFor(*loaded, endpoints[0]);
  ASSERT_NE(mutual, nullptr);
  EXPECT_EQ(mutual->server_name, "outbound_.80_._.a");
  EXPECT_EQ(mutual->alpn, (std::vector<std::string>{"istio-peer-exchange", "istio"}));
  EXPECT_EQ(TransportSocketFor(*loaded, endpoints[1]), nullptr);
  EXPECT_EQ(TransportSocketFor(*loaded, endpoints[2]), nullptr);
}

TEST(TransportSocketTest, VersionsSuitesFilesAndHashes) {
  const auto loaded = LoadWith(Server(absl::StrCat(
      R"("disable_stateless_session_resumption":true,"common_tls_context":{"tls_params":{
        "tls_minimum_protocol_version":"TLSv1_0","tls_maximum_protocol_version":"TLSv1_2",
        "cipher_suites":["ECDHE-RSA-AES128-GCM-SHA256"]},)",
      kCertificate, R"(,"validation_context":{"trusted_ca":{"filename":"/ca"},
        "verify_certificate_hash":["DF:6F:F7:2F:E9:11:65:21:26:8F:6F:2D:D4:96:6F:51:DF:47:98:83:FE:70:37:B3:9F:75:91:6A:C3:04:9D:1A"],
        "verify_certificate_spki":["NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="]}})")));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const TlsSettings& tls = *loaded->chains[0].tls;
  EXPECT_EQ(tls.min_version, TlsSettings::Version::k12);
  EXPECT_EQ(tls.max_version, TlsSettings::Version::k12);
  EXPECT_EQ(tls.cipher_suites, std::vector<std::string>{"ECDHE-RSA-AES128-GCM-SHA256"});
  EXPECT_EQ(tls.certificate_chain.file, "/c");
  EXPECT_EQ(tls.private_key.bytes, "k");
  EXPECT_EQ(tls.validation.trusted_ca.file, "/ca");
  EXPECT_FALSE(tls.resumption);
  EXPECT_FALSE(tls.require_client_certificate);
  EXPECT_EQ(tls.validation.certificate_sha256[0],
            "df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a");
  EXPECT_EQ(tls.validation.public_key_sha256[0],
            "36fa9821849b80adaf089a5084e6dfefbbeff9b416b5ce5e9394483b03e20bd0");
}

#define SERVER "listener \"in\" filter_chains[0].transport_socket.typed_config."

TEST(TransportSocketTest, WhatAServerDoesNotDoIsNamed) {
  const auto common = [](const std::string& fields) {
    return absl::StrCat("\"common_tls_context\":{", fields, "}");
  };
  const auto with = [&](const std::string& fields) {
    return common(absl::StrCat(kCertificate, ",", fields));
  };
  const struct {
    const char* name;
    std::string fields;
    const char* error;
  } cases[] = {
      {"no certificate", common(""), SERVER "common_tls_context: a server needs a certificate"},
      {"two certificates",
       with(absl::StrCat(R"("tls_certificate_sds_secret_configs":[{"name":"x",)", kSds, "}]")),
       SERVER "common_tls_context.tls_certificates: more than one certificate is not supported"},
      {"a certificate out of nowhere",
       common(R"("tls_certificate_sds_secret_configs":[{"name":"x"}])"),
       SERVER "common_tls_context.tls_certificate_sds_secret_configs[0].sds_config: missing: "
              "secrets come over ADS"},
      {"clients must show a certificate, but which",
       common(kCertificate) + ",\"require_client_certificate\":true",
       SERVER "require_client_certificate: nothing says which certificates are accepted: set a "
              "validation context"},
      {"names without roots",
       with(R"("validation_context":{"match_subject_alt_names":[{"exact":"a"}]})"),
       SERVER
       "common_tls_context.validation_context: subject alternative names without trusted_ca"},
      {"a regular expression",
       with(
           R"("validation_context":{"trusted_ca":{"inline_string":"x"},"match_subject_alt_names":[{"safe_regex":{"regex":"a"}}]})"),
       SERVER "common_tls_context.validation_context.match_subject_alt_names[0].safe_regex: not "
              "supported"},
      {"a revocation list",
       with(R"("validation_context":{"trusted_ca":{"inline_string":"x"},"crl":{"filename":"/x"}})"),
       SERVER "common_tls_context.validation_context.crl: not supported"},
      {"whoever comes",
       with(R"("validation_context":{"trust_chain_verification":"ACCEPT_UNTRUSTED"})"),
       SERVER "common_tls_context.validation_context.trust_chain_verification: only "
              "VERIFY_TRUST_CHAIN is supported"},
      {"a hash that is none",
       with(
           R"("validation_context":{"trusted_ca":{"inline_string":"x"},"verify_certificate_hash":["xy"]})"),
       SERVER "common_tls_context.validation_context.verify_certificate_hash[0]: must be a SHA-256 "
              "in hexadecimal, 64 digits"},
      {"old TLS alone", with(R"("tls_params":{"tls_maximum_protocol_version":"TLSv1_1"})"),
       SERVER "common_tls_context.tls_params.tls_maximum_protocol_version: TLS before 1.2 is not "
              "supported"},
      {"versions that cross",
       with(
           R"("tls_params":{"tls_minimum_protocol_version":"TLSv1_3","tls_maximum_protocol_version":"TLSv1_2"})"),
       SERVER "common_tls_context.tls_params.tls_minimum_protocol_version: is above the greatest "
              "version"},
      {"curves", with(R"("tls_params":{"ecdh_curves":["P-256"]})"),
       SERVER "common_tls_context.tls_params.ecdh_curves: not supported"},
      {"stapling", common(kCertificate) + ",\"ocsp_staple_policy\":\"MUST_STAPLE\"",
       SERVER "ocsp_staple_policy: only LENIENT_STAPLING is supported"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(LoadWith(Server(c.fields)).status().message(), c.error);
  }
  EXPECT_EQ(LoadWith(Client("\"sni\":\"a\"")).status().message(),
            "listener \"in\" filter_chains[0].transport_socket.typed_config: "
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext is not supported");
}

TEST(TransportSocketTest, WhatAClientDoesNotDoIsNamed) {
  const auto error = [](const std::string& fields, const std::string& more = "") {
    return std::string(LoadClusterWith(absl::StrCat("\"transport_socket\":", Client(fields), more))
                           .status()
                           .message());
  };
  EXPECT_EQ(error("\"allow_renegotiation\":true"),
            "cluster \"a\" transport_socket.typed_config.allow_renegotiation: not supported");
  EXPECT_EQ(error("\"auto_host_sni\":true"),
            "cluster \"a\" transport_socket.typed_config.auto_host_sni: not supported");
  EXPECT_EQ(error("\"sni\":\"a\"", ",\"upstream_http_protocol_options\":{\"auto_sni\":true}"),
            "cluster \"a\" upstream_http_protocol_options.auto_sni: not supported");
  EXPECT_EQ(error("\"sni\":\"a\""), "");
}

TEST(TransportSocketTest, MatchesAndListenerFiltersThatAreNotDoneAreNamed) {
  const auto error = [](const std::string& json) {
    return std::string(
        LoadListener(
            FromJson<::envoy::config::listener::v3::Listener>(absl::StrCat(
                R"({"name":"in","address":{"socket_address":{"address":"::1","port_value":1}},)",
                json, "}")))
            .status()
            .message());
  };
  const auto match = [](const std::string& fields) {
    return absl::StrCat(R"("filter_chains":[{"filter_chain_match":{)", fields, "},", kFilters,
                        "}]");
  };
  EXPECT_EQ(error(match(R"("suffix_len":3)")),
            "listener \"in\" filter_chains[0].filter_chain_match.suffix_len: not supported");
  EXPECT_EQ(
      error(match(R"("server_names":["a*"])")),
      "listener \"in\" filter_chains[0].filter_chain_match.server_names[0]: \"a*\" is neither "
      "a name nor \"*.\" and a name");
  EXPECT_EQ(error(match(R"("prefix_ranges":[{"address_prefix":"10.0.0.0","prefix_len":33}])")),
            "listener \"in\" filter_chains[0].filter_chain_match.prefix_ranges[0].prefix_len: must "
            "be at most 32");
  EXPECT_EQ(error(absl::StrCat(R"("filter_chains":[{)", kFilters, "},{", kFilters, "}]")),
            "listener \"in\" filter_chains[1].filter_chain_match: the same as that of "
            "filter_chains[0]");
  EXPECT_EQ(error(absl::StrCat(R"("listener_filters":[{"name":"proxy_protocol"}],)", match(""))),
            "listener \"in\" listener_filters[0]: proxy_protocol is not supported");
}

TEST(LoadSecretTest, CertificatesAndRoots) {
  using Proto = ::envoy::extensions::transport_sockets::tls::v3::Secret;
  auto loaded = LoadSecret(FromJson<Proto>(
      R"({"name":"a","tls_certificate":{"certificate_chain":{"inline_bytes":"Yw=="},"private_key":{"inline_string":"k"}}})"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->certificate_chain, "c");
  EXPECT_EQ(loaded->private_key, "k");
  loaded = LoadSecret(
      FromJson<Proto>(R"({"name":"a","validation_context":{"trusted_ca":{"inline_string":"r"}}})"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->trusted_ca, "r");

  const auto error = [](const std::string& json) {
    return std::string(LoadSecret(FromJson<Proto>(json)).status().message());
  };
  EXPECT_EQ(error(R"({"name":"a"})"),
            "secret \"a\": neither tls_certificate nor validation_context is set");
  EXPECT_EQ(error(R"({"name":"a","tls_certificate":{"pkcs12":{"inline_string":"SECRET"}}})"),
            "secret \"a\" tls_certificate.pkcs12: not supported\n"
            "secret \"a\" tls_certificate.certificate_chain: missing\n"
            "secret \"a\" tls_certificate.private_key: missing");
  // Whoever sends secrets does not read our files.
  EXPECT_EQ(error(R"({"name":"a","validation_context":{"trusted_ca":{"filename":"/etc/passwd"}}})"),
            "secret \"a\" validation_context.trusted_ca: only inline_bytes and inline_string are "
            "supported");
}

}  // namespace
}  // namespace mesh::envoy
