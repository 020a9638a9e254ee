// The messages of envoy.config.core.v3 that listeners, clusters and endpoints share.
#ifndef MESH_ENVOY_CORE_FIELDS_H_
#define MESH_ENVOY_CORE_FIELDS_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "google/protobuf/duration.pb.h"
#include "mesh/envoy/address.h"
#include "mesh/envoy/filter_chain_match.h"
#include "mesh/envoy/known_fields.h"

namespace mesh::envoy {

absl::Duration ToDuration(const google::protobuf::Duration& d);

// A TCP address with a port value. `dns_name` allows a name for a host.
HostPort LoadAddress(const ::envoy::config::core::v3::Address& address, const std::string& path,
                     bool dns_name, FieldErrors* errors);
HostPort LoadSocketAddress(const ::envoy::config::core::v3::SocketAddress& address,
                           const std::string& path, bool dns_name, FieldErrors* errors);

// ADS is the only source; returns its initial_fetch_timeout (zero: wait for ever).
absl::Duration LoadAdsSource(const ::envoy::config::core::v3::ConfigSource& source,
                             const std::string& path, FieldErrors* errors);

// The same for a secret. Istio's proxies get `name`s default and ROOTCA from the agent beside them,
// which is named as a cluster of the bootstrap (api_config_source); here the proxy has these
// itself.
absl::Duration LoadSecretSource(const ::envoy::config::core::v3::ConfigSource& source,
                                const std::string& name, const std::string& path,
                                FieldErrors* errors);

AddressRange LoadRange(const ::envoy::config::core::v3::CidrRange& range, const std::string& path,
                       FieldErrors* errors);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_CORE_FIELDS_H_
