// "%REQ(x-user)% via %PROTOCOL%": Envoy's substitution formats in headers, hosts, paths and bodies.
#ifndef MESH_ROUTE_ACTION_FORMAT_H_
#define MESH_ROUTE_ACTION_FORMAT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/http/headers.h"

namespace mesh::route::action {

// What the variables of a format stand for. The formats themselves know REQ, RESP and PATH; all
// else is asked of the host, which knows addresses, times and names.
class Variables {
 public:
  virtual ~Variables() = default;
  // Appends the value of `name` with its argument ("" where there is none); false where there is no
  // value, which counts as "".
  virtual bool Append(std::string_view name, std::string_view argument, std::string* out) const {
    return false;
  }
};

// A parsed format. Immutable after Parse, thread-safe.
struct Format {
  struct Piece {
    std::string literal;   // where `name` is empty
    std::string name;      // "REQ"
    std::string argument;  // "x-user?:authority"
    std::optional<size_t> max_length;
  };
  std::string text;  // as written
  std::vector<Piece> pieces;

  bool constant() const { return pieces.empty() || (pieces.size() == 1 && pieces[0].name.empty()); }
};

// "%%" is a percent sign. InvalidArgument: an expression that does not end, a variable that Envoy
// does not have (with the nearest one), a missing or superfluous argument.
absl::StatusOr<Format> ParseFormat(std::string_view text);

// What a format is evaluated over. Borrows everything.
struct FormatContext {
  http::Headers request;  // pseudo headers as ":path", ":method", ":authority", ":scheme" included
  http::Headers response;
  const Variables* variables = nullptr;  // may be null
};

std::string Evaluate(const Format& format, const FormatContext& context);

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_FORMAT_H_
