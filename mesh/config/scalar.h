// What a plain scalar means, as Kubernetes' YAML reads it: the booleans and numbers of YAML 1.1.
#ifndef MESH_CONFIG_SCALAR_H_
#define MESH_CONFIG_SCALAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mesh::config {

struct Scalar {
  enum class Type { kNull, kBool, kInteger, kFloat, kString };
  Type type = Type::kString;
  bool boolean = false;
  // Of kInteger: sign and magnitude, so that all of int64 and uint64 are held.
  bool negative = false;
  uint64_t magnitude = 0;
  // Of kInteger and kFloat.
  double number = 0;
};

// `text` of a scalar without quotes and tag: null, ~, true, yes, on, y, 0x1f, 1_000, 1.5, .inf ...
// Anything else is a string.
Scalar ResolvePlain(std::string_view text);

// A whole number as protobuf's JSON has it in quotes: digits without a zero ahead, perhaps a minus.
// Anything else is a string.
Scalar ResolveQuotedInteger(std::string_view text);

// Go's time.ParseDuration: "24h", "1m30s", "1.5s", "300ms", "-2us", "0". The error says what is
// wrong and what a duration looks like.
absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text);

// As Go prints it: "1m30s", "300ms", "0s".
std::string FormatGoDuration(absl::Duration duration);

}  // namespace mesh::config

#endif  // MESH_CONFIG_SCALAR_H_
