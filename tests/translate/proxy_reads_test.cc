// Everything that we send for the recorded scenarios, read as mesh-proxy reads it: what it would
// reject is listed here, by field.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/envoy/cluster.h"
#include "mesh/envoy/endpoint.h"
#include "mesh/envoy/listener.h"
#include "mesh/translate/translate.h"
#include "tests/translate/recorded.h"

namespace mesh::translate {
namespace {

using ::testing::IsSubsetOf;

// Fields and words of an error, without what differs from one resource to the next.
void Collect(const absl::Status& status, std::set<std::string>* rejections) {
  if (status.ok()) return;
  for (absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    // listener "NAME" FIELD: WORDS
    const size_t name_end = line.find("\" ");
    std::string field(line.substr(name_end == line.npos ? 0 : name_end + 2));
    std::string out;
    for (size_t i = 0; i < field.size(); ++i) {
      const bool index = field[i] == '[' && i + 1 < field.size() && isdigit(field[i + 1]);
      if (index) i = field.find(']', i);
      out += index ? "[]" : std::string(1, field[i]);
    }
    rejections->insert(std::move(out));
  }
}

template <class Proto>
Proto Parse(const Resource& resource) {
  Proto proto;
  EXPECT_TRUE(proto.ParseFromString(resource.bytes));
  return proto;
}

class ProxyReads : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(ProxyReads, WhatWeSend) {
  const absl::StatusOr<Recorded> recorded = LoadRecorded(GetParam().first, GetParam().second);
  if (absl::IsUnavailable(recorded.status())) GTEST_SKIP() << recorded.status().message();
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  std::set<std::string> rejections;
  for (const RecordedProxy& proxy : recorded->proxies) {
    const Output output = Translate(*recorded->world, proxy.node);
    for (const ResourcePtr& resource : output.listeners) {
      Collect(
          envoy::LoadListener(Parse<::envoy::config::listener::v3::Listener>(*resource)).status(),
          &rejections);
    }
    for (const ResourcePtr& resource : output.clusters) {
      Collect(envoy::LoadCluster(Parse<::envoy::config::cluster::v3::Cluster>(*resource)).status(),
              &rejections);
    }
    for (const ResourcePtr& resource : output.endpoints) {
      Collect(envoy::LoadEndpoints(
                  Parse<::envoy::config::endpoint::v3::ClusterLoadAssignment>(*resource))
                  .status(),
              &rejections);
    }
  }
  // HTTP/2 is not done.
  EXPECT_THAT(rejections,
              IsSubsetOf({"typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3."
                          "HttpProtocolOptions\"].explicit_http_config.http2_protocol_options: not "
                          "supported"}));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ProxyReads,
                         testing::Values(std::pair("local_none", "demo"),
                                         std::pair("xds_golden", "00-empty"),
                                         std::pair("xds_golden", "01-gateway"),
                                         std::pair("xds_golden", "03-gateway-dr-mtls"),
                                         std::pair("xds_golden", "10-virtual-service-all-v1"),
                                         std::pair("xds_golden", "20-https-kitchen-sink"),
                                         std::pair("xds_golden", "24-two-vs-one-gateway-host")),
                         [](const auto& info) {
                           std::string name = info.param.second;
                           for (char& c : name) {
                             if (!isalnum(c)) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace mesh::translate
