#include "mesh/registry/protocol.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "mesh/base/strings.h"

namespace mesh::registry {
namespace {

constexpr std::array<std::pair<std::string_view, Protocol>, 13> kNames = {{
    {"TCP", Protocol::kTcp},
    {"UDP", Protocol::kUdp},
    {"HTTP", Protocol::kHttp},
    {"HTTP2", Protocol::kHttp2},
    {"HTTPS", Protocol::kHttps},
    {"GRPC", Protocol::kGrpc},
    {"GRPC-Web", Protocol::kGrpcWeb},
    {"TLS", Protocol::kTls},
    {"Mongo", Protocol::kMongo},
    {"Redis", Protocol::kRedis},
    {"MySQL", Protocol::kMySql},
    {"Thrift", Protocol::kThrift},
    {"HTTP_PROXY", Protocol::kHttpProxy},
}};

}  // namespace

std::string_view ProtocolName(Protocol protocol) {
  for (const auto& [name, value] : kNames) {
    if (value == protocol) return name;
  }
  return "UnsupportedProtocol";
}

Protocol ParseProtocol(std::string_view name) {
  for (const auto& [known, value] : kNames) {
    if (absl::EqualsIgnoreCase(Absl(name), Absl(known))) return value;
  }
  return Protocol::kUnsupported;
}

Protocol KubernetesProtocol(int port, std::string_view name, std::string_view transport,
                            std::string_view app_protocol) {
  if (transport == "UDP") return Protocol::kUdp;
  if (!app_protocol.empty()) name = app_protocol;
  // grpc-web has a hyphen of its own.
  if (absl::StartsWithIgnoreCase(Absl(name), "grpc-web")) return Protocol::kGrpcWeb;
  const Protocol protocol = ParseProtocol(name.substr(0, name.find('-')));
  if (protocol == Protocol::kUnsupported &&
      (port == 25 || port == 53 || port == 3306 || port == 27017)) {
    return Protocol::kTcp;
  }
  return protocol;
}

bool IsHttp(Protocol protocol) {
  return protocol == Protocol::kHttp || protocol == Protocol::kHttpProxy || IsHttp2(protocol);
}

bool IsHttp2(Protocol protocol) {
  return protocol == Protocol::kHttp2 || protocol == Protocol::kGrpc ||
         protocol == Protocol::kGrpcWeb;
}

bool IsTcp(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
    case Protocol::kHttps:
    case Protocol::kTls:
    case Protocol::kMongo:
    case Protocol::kRedis:
    case Protocol::kMySql:
    case Protocol::kThrift:
      return true;
    default:
      return false;
  }
}

bool IsTls(Protocol protocol) { return protocol == Protocol::kHttps || protocol == Protocol::kTls; }

}  // namespace mesh::registry
