// Envoy listeners as plain values: what a proxy must do with the connections it accepts.
//
//   absl::StatusOr<mesh::envoy::Listener> listener = mesh::envoy::LoadListener(proto);
//   if (!listener.ok()) nack(listener.status().message());  // names every field we do not do
//
// This header names no protobuf type but forward-declares the one it reads. Values are frozen once
// built and may be read from any thread.
#ifndef MESH_ENVOY_LISTENER_H_
#define MESH_ENVOY_LISTENER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/envoy/address.h"
#include "mesh/envoy/authorization.h"
#include "mesh/envoy/filter_chain_match.h"
#include "mesh/envoy/port_set.h"
#include "mesh/envoy/transport_socket.h"
#include "mesh/http/path.h"
#include "mesh/route/action/route_config.h"

namespace envoy::config::listener::v3 {
class Listener;
}

namespace mesh::envoy {

// envoy.extensions.access_loggers.file.v3.FileAccessLog, and the stdout and stderr loggers as the
// paths /dev/stdout and /dev/stderr.
struct AccessLogFile {
  std::string path;
  std::string format;  // Envoy's command operators; empty means Envoy's default format
  // response_flag_filter: only what ends with one of these is written; where none is named, with
  // any. "NR", "UF" and so on.
  std::optional<std::vector<std::string>> response_flags;
};

// envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.
struct HttpConnectionManager {
  enum class ServerHeader { kOverwrite, kAppendIfAbsent, kPassThrough };
  // FORWARD_CLIENT_CERT_DETAILS: what happens to x-forwarded-client-cert.
  enum class ClientCert { kSanitize, kForwardOnly, kAppendForward, kSanitizeSet, kAlwaysForward };

  std::string stat_prefix;
  // Exactly one of these two: the name of a RouteConfiguration to subscribe to, or the routes.
  std::string route_config_name;
  std::shared_ptr<const route::action::RouteConfig> routes;
  absl::Duration routes_initial_fetch_timeout = absl::Seconds(15);  // rds only

  // Asked in this order before anything is done with a request.
  std::vector<AuthorizationFilter> authorization;
  bool has_cors_filter = false;
  bool has_fault_filter = false;
  bool suppress_envoy_headers = false;  // the router filter's

  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;
  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  bool skip_xff_append = false;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;
  ClientCert client_cert = ClientCert::kSanitize;
  // SetCurrentClientCertDetails: what of the client's certificate it then says.
  struct ClientCertDetails {
    bool certificate = false;
    bool subject = false;
    bool uri = false;
    bool dns = false;
  };
  ClientCertDetails client_cert_details;

  http::PathNormalization path_normalization;
  bool strip_any_host_port = false;
  bool strip_matching_host_port = false;
  bool strip_trailing_host_dot = false;

  std::vector<std::string> upgrades;  // lower-case upgrade types that are passed through
  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool enable_trailers = false;
  bool proxy_100_continue = false;  // the upstream's 1xx responses reach the client

  // Limits. A zero timeout is none.
  uint32_t max_request_headers_kb = 60;
  uint32_t max_headers_count = 100;
  absl::Duration connection_idle_timeout = absl::Hours(1);
  absl::Duration stream_idle_timeout = absl::Minutes(5);
  absl::Duration request_timeout = absl::ZeroDuration();
  absl::Duration request_headers_timeout = absl::ZeroDuration();
  absl::Duration max_stream_duration = absl::ZeroDuration();
  absl::Duration max_connection_duration = absl::ZeroDuration();
  uint32_t max_requests_per_connection = 0;  // 0: no limit

  std::vector<AccessLogFile> access_logs;
};

// envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.
struct TcpProxy {
  struct Target {
    std::string cluster;
    uint32_t weight = 1;
  };
  std::string stat_prefix;
  std::vector<Target> targets;
  absl::Duration idle_timeout = absl::Hours(1);
  uint32_t max_connect_attempts = 1;
  std::vector<AccessLogFile> access_logs;
};

struct FilterChain {
  std::string name;
  FilterChainMatch match;
  TransportSocket tls;  // null: plaintext
  // For the handshake, where it is more than zero.
  absl::Duration handshake_timeout = absl::ZeroDuration();
  std::vector<RbacFilter> rules;  // asked before a connection goes on; of TcpProxy alone
  std::variant<HttpConnectionManager, TcpProxy> filter;
};

// What is looked at before a filter chain is chosen: Envoy's listener filters.
struct Inspection {
  bool tls = false;   // tls_inspector
  bool http = false;  // http_inspector
  // filter_disabled, by the port that the connection was going to. Where neither looks, nobody
  // waits for a first byte: a server may speak first.
  PortSet not_tls;
  PortSet not_http;
  bool original_destination = false;           // original_dst: where the connection was going to
  absl::Duration timeout = absl::Seconds(15);  // zero: none
  bool continue_on_timeout = false;

  bool LooksForTls(uint16_t port) const { return tls && !not_tls.Contains(port); }
  bool LooksForHttp(uint16_t port) const { return http && !not_http.Contains(port); }
  bool Looks(uint16_t port) const { return LooksForTls(port) || LooksForHttp(port); }
};

// envoy.config.listener.v3.Listener.
struct Listener {
  enum class Direction { kUnspecified, kInbound, kOutbound };
  std::string name;
  HostPort address;
  // False: no socket of its own; connections come from a listener that hands off.
  bool bind_to_port = true;
  // use_original_dst: what the kernel redirected here goes on to the listener of the address that
  // it was meant for, or that port on all addresses, where there is one.
  bool hands_off = false;
  Direction direction = Direction::kUnspecified;
  Inspection inspection;
  std::vector<FilterChain> chains;
  std::optional<FilterChain> default_chain;  // for what `chains` do not accept
  // Of connections that no chain takes. All others are written by their chain.
  std::vector<AccessLogFile> access_logs;
  uint32_t buffer_limit_bytes = 1024 * 1024;  // per_connection_buffer_limit_bytes
  uint32_t backlog = 1024;                    // tcp_backlog_size
};

// InvalidArgument names every field that is wrong or that this proxy does not do, one a line:
//   listener "0.0.0.0_8080" filter_chains[0].filter_chain_match.suffix_len: not supported
absl::StatusOr<Listener> LoadListener(const ::envoy::config::listener::v3::Listener& proto);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_LISTENER_H_
