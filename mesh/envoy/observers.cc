#include "mesh/envoy/observers.h"

#include <string_view>

namespace mesh::envoy {
namespace {

constexpr std::string_view kMetadataExchange = "envoy.tcp.metadataexchange.config.MetadataExchange";
constexpr std::string_view kObservers[] = {
    kMetadataExchange,
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "io.istio.http.peer_metadata.Config",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "stats.PluginConfig",
};

// The message's full name. A TypedStruct (a message in the form of a Struct, with its type beside
// it) names the one it stands for.
std::string TypeOf(const google::protobuf::Any& config) {
  const auto name = [](const std::string& url) { return url.substr(url.rfind('/') + 1); };
  const std::string type = name(config.type_url());
  if (type != "udpa.type.v1.TypedStruct" && type != "xds.type.v3.TypedStruct") return type;
  // Its first two fields, type_url and value, have the numbers and wire types of an Any's.
  google::protobuf::Any inner;
  return inner.ParseFromString(config.value()) ? name(inner.type_url()) : type;
}

}  // namespace

bool OnlyObserves(const google::protobuf::Any& config) {
  const std::string type = TypeOf(config);
  for (const std::string_view known : kObservers) {
    if (type == known) return true;
  }
  return false;
}

std::string ExchangeProtocol(const google::protobuf::Any& config) {
  return TypeOf(config) == kMetadataExchange ? "istio-peer-exchange" : "";
}

}  // namespace mesh::envoy
