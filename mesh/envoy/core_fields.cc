#include "mesh/envoy/core_fields.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"

namespace mesh::envoy {
namespace {

bool IsIpAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

absl::Duration ToDuration(const google::protobuf::Duration& d) {
  return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
}

HostPort LoadSocketAddress(const ::envoy::config::core::v3::SocketAddress& address,
                           const std::string& path, bool dns_name, FieldErrors* errors) {
  errors->Only(address, path, {"protocol", "address", "port_value"}, {"ipv4_compat"});
  if (address.protocol() != ::envoy::config::core::v3::SocketAddress::TCP) {
    errors->Add(Join(path, "protocol"), "only TCP is supported");
  }
  if (address.address().empty()) {
    errors->Add(Join(path, "address"), "missing");
  } else if (!dns_name && !IsIpAddress(address.address())) {
    errors->Add(Join(path, "address"),
                absl::StrCat("\"", address.address(), "\" is no IP address"));
  }
  if (address.port_value() > 65535) {
    errors->Add(Join(path, "port_value"), absl::StrCat(address.port_value(), " is no port"));
  }
  return HostPort{address.address(), static_cast<uint16_t>(address.port_value())};
}

HostPort LoadAddress(const ::envoy::config::core::v3::Address& address, const std::string& path,
                     bool dns_name, FieldErrors* errors) {
  errors->Only(address, path, {"socket_address"});
  if (!address.has_socket_address()) {
    if (address.address_case() == ::envoy::config::core::v3::Address::ADDRESS_NOT_SET) {
      errors->Add(path, "missing");
    }
    return {};
  }
  return LoadSocketAddress(address.socket_address(), Join(path, "socket_address"), dns_name,
                           errors);
}

absl::Duration LoadAdsSource(const ::envoy::config::core::v3::ConfigSource& source,
                             const std::string& path, FieldErrors* errors) {
  // `self` is where the asking resource came from, which is ADS too.
  errors->Only(source, path, {"ads", "self", "initial_fetch_timeout"}, {"resource_api_version"});
  if (!source.has_ads() && !source.has_self()) errors->Add(path, "only ads is supported");
  if (!source.has_initial_fetch_timeout()) return absl::Seconds(15);
  return ToDuration(source.initial_fetch_timeout());
}

absl::Duration LoadSecretSource(const ::envoy::config::core::v3::ConfigSource& source,
                                const std::string& name, const std::string& path,
                                FieldErrors* errors) {
  using ::envoy::config::core::v3::ApiConfigSource;
  if (!source.has_api_config_source()) return LoadAdsSource(source, path, errors);
  errors->Only(source, path, {"api_config_source", "initial_fetch_timeout"},
               {"resource_api_version"});
  const ApiConfigSource& agent = source.api_config_source();
  const std::string agent_path = Join(path, "api_config_source");
  errors->Only(agent, agent_path, {"api_type", "grpc_services"},
               {"transport_api_version", "set_node_on_first_message_only"});
  if (agent.api_type() != ApiConfigSource::GRPC) {
    errors->Add(Join(agent_path, "api_type"), "only GRPC is supported");
  }
  if (agent.grpc_services_size() != 1 || !agent.grpc_services(0).has_envoy_grpc()) {
    errors->Add(Join(agent_path, "grpc_services"), "one envoy_grpc must stand here");
  }
  if (name != "default" && name != "ROOTCA") {
    errors->Add(agent_path, absl::StrCat("\"", name,
                                         "\" does not come from the agent (default and ROOTCA "
                                         "do): use ads"));
  }
  if (!source.has_initial_fetch_timeout()) return absl::Seconds(15);
  return ToDuration(source.initial_fetch_timeout());
}

AddressRange LoadRange(const ::envoy::config::core::v3::CidrRange& range, const std::string& path,
                       FieldErrors* errors) {
  errors->Only(range, path, {"address_prefix", "prefix_len"});
  if (!IsIpAddress(range.address_prefix())) {
    errors->Add(Join(path, "address_prefix"),
                absl::StrCat("\"", range.address_prefix(), "\" is no IP address"));
  }
  const uint32_t most = range.address_prefix().find(':') == std::string::npos ? 32 : 128;
  if (range.prefix_len().value() > most) {
    errors->Add(Join(path, "prefix_len"), absl::StrCat("must be at most ", most));
  }
  return AddressRange{range.address_prefix(), range.prefix_len().value()};
}

}  // namespace mesh::envoy
