// Checks of single values. Each returns what is wrong with the value and what to write instead, or
// nothing where it is good.
#ifndef MESH_CONFIG_VALIDATION_VALUES_H_
#define MESH_CONFIG_VALIDATION_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "google/protobuf/duration.pb.h"

namespace mesh::config {

// A label of a domain name as Istio takes it: RFC 1123, capital letters allowed, at most 63 bytes.
bool IsDnsLabel(std::string_view text);
// An IPv4 or IPv6 address, as Go's net.ParseIP.
bool IsIpAddress(std::string_view text);
// An address, a slash and the length of the prefix, as Go's net.ParseCIDR.
bool IsCidr(std::string_view text);

// A whole number as Go's strconv.Atoi takes it: a sign, if any, and digits, without spaces.
std::optional<int64_t> ParseNumber(std::string_view text);

std::string CheckFqdn(std::string_view domain);
// As CheckFqdn, with * or *-something as the first label.
std::string CheckWildcardDomain(std::string_view domain);
std::string CheckIpAddress(std::string_view address);
// An address or a CIDR.
std::string CheckSubnet(std::string_view subnet);
std::string CheckPort(int64_t number);
std::string CheckPortName(std::string_view name);
// What follows "unix://".
std::string CheckUnixAddress(std::string_view path);
// HOST:PORT.
std::string CheckHostAndPort(std::string_view address);
// The name of a protocol of a port, such as HTTP2.
std::string CheckProtocol(std::string_view protocol);
bool IsHttpProtocol(std::string_view protocol);
bool IsTlsProtocol(std::string_view protocol);
// At least 1ms, and no finer than that.
std::string CheckDuration(const google::protobuf::Duration& duration);
// 0 to 100.
std::string CheckPercent(int64_t percent);
// 0, or 0.0001 to 100.
std::string CheckFractionalPercent(double percent);
std::string CheckHeaderName(std::string_view name);
// RE2.
std::string CheckRegex(std::string_view pattern);
std::string CheckSubsetName(std::string_view name);
// Key and value of a label of Kubernetes.
std::string CheckLabelKey(std::string_view key);
std::string CheckLabelValue(std::string_view value);
// The URL of a key set: http or https.
std::string CheckHttpUrl(std::string_view url);

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATION_VALUES_H_
