#include "mesh/translate/proto.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "mesh/base/strings.h"

namespace mesh::translate {

std::string Serialize(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&output);
  }
  return bytes;
}

google::protobuf::Any Pack(const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.set_type_url(absl::StrCat("type.googleapis.com/", message.GetDescriptor()->full_name()));
  any.set_value(Serialize(message));
  return any;
}

google::protobuf::Duration Seconds(int64_t seconds) {
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  return duration;
}

envoy::config::core::v3::ConfigSource AdsSource() {
  envoy::config::core::v3::ConfigSource source;
  source.mutable_ads();
  source.set_resource_api_version(envoy::config::core::v3::V3);
  return source;
}

envoy::config::core::v3::Address MakeAddress(std::string_view address, uint32_t port) {
  envoy::config::core::v3::Address made;
  constexpr std::string_view kUnix = "unix://";
  if (address.substr(0, kUnix.size()) == kUnix) {
    made.mutable_pipe()->set_path(std::string(address.substr(kUnix.size())));
    return made;
  }
  made.mutable_socket_address()->set_address(std::string(address));
  made.mutable_socket_address()->set_port_value(port);
  return made;
}

bool IsIp(std::string_view text) {
  unsigned char bytes[sizeof(in6_addr)];
  const std::string copy(text);
  return inet_pton(AF_INET, copy.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, copy.c_str(), bytes) == 1;
}

bool ParseCidr(std::string_view text, envoy::config::core::v3::CidrRange* range) {
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (!IsIp(address)) return false;
  uint32_t bits = address.find(':') == std::string_view::npos ? 32 : 128;
  if (slash != std::string_view::npos && !absl::SimpleAtoi(Absl(text.substr(slash + 1)), &bits)) {
    return false;
  }
  range->set_address_prefix(std::string(address));
  range->mutable_prefix_len()->set_value(bits);
  return true;
}

envoy::type::matcher::v3::StringMatcher Exactly(std::string_view text) {
  envoy::type::matcher::v3::StringMatcher matcher;
  matcher.set_exact(std::string(text));
  return matcher;
}

envoy::type::matcher::v3::StringMatcher WholeRegex(std::string_view regex) {
  envoy::type::matcher::v3::StringMatcher matcher;
  matcher.mutable_safe_regex()->set_regex(std::string(regex));
  return matcher;
}

void SetConfigMetadata(std::string_view kind, std::string_view ns, std::string_view name,
                       envoy::config::core::v3::Metadata* metadata) {
  (*(*metadata->mutable_filter_metadata())["istio"].mutable_fields())["config"].set_string_value(
      absl::StrCat("/apis/networking.istio.io/v1alpha3/namespaces/", Absl(ns), "/", Absl(kind), "/",
                   Absl(name)));
}

}  // namespace mesh::translate
