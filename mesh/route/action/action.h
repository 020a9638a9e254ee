// What a rule does to a request, as plain data: envoy.config.route.v3.Route without its match.
#ifndef MESH_ROUTE_ACTION_ACTION_H_
#define MESH_ROUTE_ACTION_ACTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "mesh/base/source_position.h"
#include "mesh/route/action/format.h"
#include "mesh/route/action/regex.h"
#include "mesh/route/rule.h"
#include "mesh/route/value.h"

namespace mesh::route::action {

// core.v3.HeaderValueOption.
struct HeaderAdd {
  enum class How : uint8_t { kAppendOrAdd, kAddIfAbsent, kOverwriteOrAdd, kOverwriteIfExists };
  std::string name;  // lower case
  Format value;
  How how = How::kAppendOrAdd;
  bool keep_empty = false;  // add it though its value is empty
};

// One level's header operations: removals first, then additions.
struct HeaderEdits {
  std::vector<HeaderAdd> request_add;
  std::vector<std::string> request_remove;
  std::vector<HeaderAdd> response_add;
  std::vector<std::string> response_remove;
};

// One entry of typed_per_filter_config, as it came: the engine does not read it.
struct FilterConfig {
  std::string type_url;
  std::string bytes;  // of the message
  bool disabled = false;
  bool optional = false;
  // What the loader's parser made of it; null where none was given.
  std::shared_ptr<const void> parsed;
};
using FilterConfigs = std::map<std::string, FilterConfig, std::less<>>;

// core.v3.Metadata as plain values: filter -> fields.
using Metadata = std::map<std::string, Value, std::less<>>;

struct WeightedCluster {
  std::string name;            // one of
  std::string cluster_header;  // the two
  uint32_t weight = 0;
  HeaderEdits headers;
  std::string host_rewrite;
  FilterConfigs filters;
  Metadata metadata_match;
};

struct PrefixRewrite {
  std::string with;
};
struct RegexRewrite {
  std::shared_ptr<const Regex> pattern;
  std::string substitution;
};
struct TemplatePathRewrite {
  std::string text;                        // "/archive/{rest}"
  std::shared_ptr<const Regex> template_;  // the rule's template as a regex
};
struct FormatRewrite {
  Format format;
};
using PathRewrite =
    std::variant<std::monostate, PrefixRewrite, RegexRewrite, TemplatePathRewrite, FormatRewrite>;

struct LiteralHost {
  std::string host;
};
struct AutoHost {};  // the name of the endpoint chosen; the proxy's to do
struct HeaderHost {
  std::string header;
};
struct PathRegexHost {
  RegexRewrite rewrite;
};
using HostRewrite =
    std::variant<std::monostate, LiteralHost, AutoHost, HeaderHost, PathRegexHost, FormatRewrite>;

// RetryPolicy. `retry_on` as Envoy spells it: "5xx", "connect-failure", ...
struct RetryPolicy {
  std::vector<std::string> retry_on;
  uint32_t num_retries = 1;
  absl::Duration per_try_timeout;       // zero: none
  absl::Duration per_try_idle_timeout;  // zero: none
  std::vector<uint32_t> retriable_status_codes;
  std::vector<HeaderMatch> retriable_headers;
  std::vector<HeaderMatch> retriable_request_headers;
  std::optional<absl::Duration> base_interval;  // at least 1 ms
  std::optional<absl::Duration> max_interval;
  struct ResetHeader {
    std::string name;
    bool unix_timestamp = false;  // else seconds
  };
  std::vector<ResetHeader> reset_headers;
  absl::Duration reset_max_interval = absl::Seconds(300);
  std::vector<std::string> host_predicates;  // names: "envoy.retry_host_predicates.previous_hosts"
  std::string priority;                      // name of the retry priority plug-in
  int64_t host_selection_attempts = 1;
};

struct HedgePolicy {
  uint32_t initial_requests = 1;
  uint32_t chance_numerator = 0;
  uint32_t chance_denominator = 100;
  bool on_per_try_timeout = false;
};

// RequestMirrorPolicy.
struct Mirror {
  std::string cluster;         // one of
  std::string cluster_header;  // the two
  std::optional<FractionMatch> fraction;
  bool trace_sampled = true;
  bool keep_host = false;  // disable_shadow_host_suffix_append
  std::string host_rewrite;
};

// HashPolicy: where a consistent-hashing balancer takes its hash from.
struct HashPolicy {
  enum class Kind : uint8_t { kHeader, kCookie, kSourceIp, kQueryParameter, kFilterState };
  Kind kind = Kind::kHeader;
  std::string name;                          // of the header, cookie, parameter, key
  RegexRewrite rewrite;                      // kHeader; no pattern: none
  std::optional<absl::Duration> cookie_ttl;  // kCookie: made where the client has none
  std::string cookie_path;
  std::vector<std::pair<std::string, std::string>> cookie_attributes;
  bool terminal = false;
};

struct InternalRedirect {
  uint32_t max = 1;
  std::vector<uint32_t> codes;  // of 301, 302, 303, 307, 308
  bool allow_cross_scheme = false;
  std::vector<std::string> response_headers_to_copy;
};

struct Upgrade {
  std::string type;  // lower case
  bool enabled = true;
  bool connect = false;  // terminate the CONNECT here
  bool connect_allow_post = false;
};

// The older form of CORS, at route or virtual host; the filter's typed form is a FilterConfig.
struct Cors {
  std::vector<StringMatch> allow_origins;
  std::string allow_methods;
  std::string allow_headers;
  std::string expose_headers;
  std::string max_age;
  std::optional<bool> allow_credentials;
  std::optional<bool> allow_private_network_access;
  std::optional<FractionMatch> enabled;
  std::optional<FractionMatch> shadow_enabled;
};

// RouteAction.
struct Forward {
  std::string cluster;                    // one of
  std::string cluster_header;             // the
  std::vector<WeightedCluster> weighted;  // three
  uint64_t total_weight = 0;
  std::string weight_header;          // weighted_clusters.header_name: the random value
  std::string weight_runtime_prefix;  // weighted_clusters.runtime_key_prefix
  bool weight_by_hash = false;        // weighted_clusters.use_hash_policy
  int cluster_not_found_status = 503;
  PathRewrite path_rewrite;
  HostRewrite host_rewrite;
  bool append_x_forwarded_host = false;
  absl::Duration timeout = absl::Seconds(15);  // zero: none
  std::optional<absl::Duration> idle_timeout;
  std::optional<absl::Duration> flush_timeout;
  std::optional<absl::Duration> max_stream_duration;
  std::optional<absl::Duration> grpc_timeout_header_max;
  std::optional<absl::Duration> grpc_timeout_header_offset;
  std::optional<absl::Duration> max_grpc_timeout;
  std::optional<absl::Duration> grpc_timeout_offset;
  RetryPolicy retry;  // empty retry_on: no retries; the virtual host's where the route has none
  HedgePolicy hedge;
  std::vector<Mirror> mirrors;
  std::vector<HashPolicy> hash;
  std::vector<Upgrade> upgrades;
  std::optional<InternalRedirect> internal_redirect;
  bool high_priority = false;
  Metadata metadata_match;
  std::optional<Cors> cors;
};

// RedirectAction.
struct Redirect {
  std::string scheme;   // empty: as the request's
  std::string host;     // empty: as the request's
  std::string port;     // ":8443"; empty: as the request's, or none where scheme or host say so
  std::string path;     // whole; a query in it replaces the request's
  PathRewrite rewrite;  // instead of `path`
  int status = 301;
  bool strip_query = false;
};

// DirectResponseAction.
struct DirectResponse {
  int status = 200;
  std::string body;
  std::optional<Format> body_format;
  std::string content_type;
};

struct NonForwarding {};

struct Route {
  std::string name;
  // The rule's path matcher: a prefix rewrite replaces what it matched.
  PathMatch path;
  std::variant<Forward, Redirect, DirectResponse, NonForwarding> action;
  HeaderEdits headers;
  FilterConfigs filters;
  Metadata metadata;
  std::string decorator_operation;
  bool decorator_propagate = true;
  uint64_t request_body_limit = UINT64_MAX;
  std::string stat_prefix;
  SourcePosition position;
};

struct VirtualHostActions {
  std::string name;
  HeaderEdits headers;
  FilterConfigs filters;
  Metadata metadata;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
  std::optional<Cors> cors;
  // By Rule::id.
  std::vector<Route> routes;
  // Of what this was loaded from: equal versions are equal hosts. Empty: not known.
  std::string version;
};

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_ACTION_H_
