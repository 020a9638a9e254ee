// What filters know about a request: the values that dynamic-metadata matchers read.
#ifndef MESH_ROUTE_VALUE_H_
#define MESH_ROUTE_VALUE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mesh::route {

// A value as google.protobuf.Value has it, as plain data.
struct Value {
  using List = std::vector<Value>;
  using Struct = std::map<std::string, Value, std::less<>>;
  // Nothing is null.
  std::variant<std::monostate, bool, double, std::string, List, Struct> value;
};

// What a host of the engine knows about a request beside its headers. Each function is asked only
// where a rule needs it, on the thread that calls Find; answers must live until Find returns.
class Facts {
 public:
  virtual ~Facts() = default;
  // The metadata a filter left, by the filter's name; null where it left none.
  virtual const Value* Metadata(std::string_view filter) const { return nullptr; }
  // The text form of an object in the filter state; an address as "10.0.0.1" or "::1".
  virtual std::optional<std::string_view> FilterState(std::string_view key) const {
    return std::nullopt;
  }
  // A runtime override: of a fraction's numerator (of 100), of a weighted cluster's weight; nullopt
  // leaves the configured one in force.
  virtual std::optional<uint64_t> RuntimeInteger(std::string_view key) const {
    return std::nullopt;
  }
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_VALUE_H_
