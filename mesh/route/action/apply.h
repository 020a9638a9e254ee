// Pure functions that do to a request what its route says, in Envoy's order.
#ifndef MESH_ROUTE_ACTION_APPLY_H_
#define MESH_ROUTE_ACTION_APPLY_H_

#include <optional>
#include <string>
#include <string_view>

#include "mesh/http/headers.h"
#include "mesh/route/action/action.h"
#include "mesh/route/action/route_config.h"
#include "mesh/route/request.h"

namespace mesh::route::action {

// Where a request goes. Borrows from the action and the request.
struct ClusterChoice {
  std::string_view cluster;                   // "" where a header that should name it is missing
  const WeightedCluster* weighted = nullptr;  // the entry chosen, where there are several
};
// A weight_header with one unsigned number is taken before request.random, and `hash` (of HashOf)
// where the route weighs by hash; request.facts may override weights. Headers that name a cluster
// may be pseudo-headers.
ClusterChoice PickCluster(const Forward& action, const Request& request,
                          std::optional<uint64_t> hash = std::nullopt);

// The path after the route's rewrite, with the query kept; nullopt where nothing is rewritten.
std::optional<std::string> RewritePath(const Route& route, std::string_view path,
                                       const FormatContext& context = {});

// The authority after the route's rewrite; nullopt where it stays (or is AutoHost's, which the
// proxy does once it has an endpoint).
std::optional<std::string> RewriteHost(const Route& route, const ClusterChoice& choice,
                                       std::string_view path, const http::Headers& headers,
                                       const FormatContext& context = {});

// The location of a redirect.
std::string RedirectLocation(const Route& route, const Request& request,
                             const FormatContext& context = {});
// Where a virtual host wants TLS (Match::Outcome::kTlsRequired): https, 301.
std::string TlsRedirectLocation(const Request& request);

// What else of a request the route changes.
struct RequestTarget {
  std::string authority;
  std::string path;
};

// Before a request is forwarded: headers of all levels (cluster, route, virtual host, table; the
// other way round with most_specific_header_mutations_wins), then host, then path;
// x-envoy-original-path and x-forwarded-host as Envoy sets them. `headers` holds no pseudo headers.
void ApplyRequest(const RouteConfig& config, const Match& match, const ClusterChoice& choice,
                  const Request& request, const Variables* variables, RequestTarget* target,
                  http::MutableHeaders* headers);

// Before a response goes back (of an upstream, a redirect or a direct response).
void ApplyResponse(const RouteConfig& config, const Match& match, const ClusterChoice& choice,
                   const Request& request, const Variables* variables,
                   http::MutableHeaders* response);

// Whether a request is among the fraction: mirrors, CORS.
bool InFraction(const FractionMatch& fraction, uint64_t random, const Facts* facts);

// The cookie a hash policy wants set, where the client has none.
struct NewCookie {
  std::string name;
  std::string value;
  absl::Duration ttl;
  std::string path;
  std::vector<std::pair<std::string, std::string>> attributes;
};
// The hash a consistent-hashing balancer uses, as Envoy makes it (xxHash64, rotated and xored);
// nullopt where no policy yields one. `source_ip` is "10.0.0.1"; `new_cookie` may be null.
std::optional<uint64_t> HashOf(const std::vector<HashPolicy>& policies, const Request& request,
                               std::string_view source_ip, NewCookie* new_cookie = nullptr);

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_APPLY_H_
