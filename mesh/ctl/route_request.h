// Requests as people write them on a command line or in an access log, and what becomes of them.
#ifndef MESH_CTL_ROUTE_REQUEST_H_
#define MESH_CTL_ROUTE_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/http/headers.h"
#include "mesh/route/action/route_config.h"
#include "mesh/route/request.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

// A request with what its views stand on.
struct WrittenRequest {
  std::string method = "GET";
  std::string scheme = "http";
  std::string authority;
  std::string path = "/";
  int port = 80;
  http::HeaderList headers;
  uint64_t random = 0;

  // Valid as long as this object stays where it is. x-forwarded-proto is the scheme unless given.
  route::Request AsRequest() const;
  std::string ToString() const;  // "GET http://shop.example/cart"
};

// "http://shop.example:9080/cart?x=1", or without the scheme. A port that is the scheme's own is no
// part of the authority. InvalidArgument where there is no host.
absl::StatusOr<WrittenRequest> ParseUrl(const std::string& method, std::string_view url);
// "x-user: jason".
absl::Status AddHeaderLine(std::string_view line, WrittenRequest* request);

// One line of an access log: Istio's default text format, of 1.7 or of today, or JSON with method,
// path, authority. Nothing where it is neither.
std::optional<WrittenRequest> ParseLogLine(std::string_view line);

// What a route does to a request, in one line: "cluster reviews-v1", "301 http://x/", "404".
std::string FateOf(const route::action::RouteConfig& config, const route::Match& match);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ROUTE_REQUEST_H_
