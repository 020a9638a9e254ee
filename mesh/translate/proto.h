// Small pieces that every builder of Envoy messages here needs. Private to this folder.
#ifndef MESH_TRANSLATE_PROTO_H_
#define MESH_TRANSLATE_PROTO_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"

namespace mesh::translate {

// The same bytes for the same content, maps included.
std::string Serialize(const google::protobuf::Message& message);

// Like Any::PackFrom, which leaves the order of maps to chance.
google::protobuf::Any Pack(const google::protobuf::Message& message);

google::protobuf::Duration Seconds(int64_t seconds);

// Where a proxy fetches more: on the stream that it has anyway.
envoy::config::core::v3::ConfigSource AdsSource();

// An IP and port; "unix:///path" is a pipe.
envoy::config::core::v3::Address MakeAddress(std::string_view address, uint32_t port);

// "10.0.0.0/8", or an address as a range of one; false when it is neither.
bool ParseCidr(std::string_view text, envoy::config::core::v3::CidrRange* range);

bool IsIp(std::string_view text);

envoy::type::matcher::v3::StringMatcher Exactly(std::string_view text);
envoy::type::matcher::v3::StringMatcher WholeRegex(std::string_view regex);

// filter_metadata["istio"]["config"]: the path of the object that something was made from.
void SetConfigMetadata(std::string_view kind_plural, std::string_view ns, std::string_view name,
                       envoy::config::core::v3::Metadata* metadata);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_PROTO_H_
