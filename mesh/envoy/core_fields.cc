#include "mesh/envoy/core_fields.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"

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

void CheckTransportSocket(const ::envoy::config::core::v3::TransportSocket& socket,
                          const std::string& path, FieldErrors* errors) {
  if (!socket.has_typed_config()) {
    if (socket.name() != "envoy.transport_sockets.raw_buffer" && socket.name() != "raw_buffer") {
      errors->Add(path, absl::StrCat(socket.name(), " is not supported"));
    }
    return;
  }
  ::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer raw;
  errors->Unpack(socket.typed_config(), Join(path, "typed_config"), &raw);
}

}  // namespace mesh::envoy
