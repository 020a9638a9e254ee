// Access logs: Envoy's format strings over what is known of a request, and the files lines go to.
//
//   absl::StatusOr<AccessLogFormat> format = AccessLogFormat::Parse("%PROTOCOL%
//   %RESPONSE_CODE%\n"); std::string line; format->Append(entry, &clock_text, &line);
#ifndef MESH_TELEMETRY_ACCESS_LOG_H_
#define MESH_TELEMETRY_ACCESS_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/http/headers.h"

namespace mesh::telemetry {

// Why a response is what it is: Envoy's response flags, as bits.
enum class ResponseFlag : uint32_t {
  kNoHealthyUpstream = 1u << 0,                // UH
  kUpstreamConnectionFailure = 1u << 1,        // UF
  kUpstreamOverflow = 1u << 2,                 // UO
  kNoRouteFound = 1u << 3,                     // NR
  kUpstreamRetryLimitExceeded = 1u << 4,       // URX
  kNoClusterFound = 1u << 5,                   // NC
  kDurationTimeout = 1u << 6,                  // DT
  kDownstreamConnectionTermination = 1u << 7,  // DC
  kFailedLocalHealthCheck = 1u << 8,           // LH
  kUpstreamRequestTimeout = 1u << 9,           // UT
  kLocalReset = 1u << 10,                      // LR
  kUpstreamRemoteReset = 1u << 11,             // UR
  kUpstreamConnectionTermination = 1u << 12,   // UC
  kDelayInjected = 1u << 13,                   // DI
  kFaultInjected = 1u << 14,                   // FI
  kRateLimited = 1u << 15,                     // RL
  kUnauthorizedExternal = 1u << 16,            // UAEX
  kStreamIdleTimeout = 1u << 17,               // SI
  kDownstreamProtocolError = 1u << 18,         // DPE
  kUpstreamProtocolError = 1u << 19,           // UPE
  kUpstreamMaxStreamDuration = 1u << 20,       // UMSDR
  kOverloadManager = 1u << 21,                 // OM
};

constexpr uint32_t Bit(ResponseFlag flag) { return static_cast<uint32_t>(flag); }

// "URX,UF"; "-" where none is set.
std::string ResponseFlagsText(uint32_t flags);

// The bit of "UF"; 0 for a name that nothing here sets.
uint32_t ResponseFlagBit(std::string_view name);

// What a TLS connection and the two certificates say, as it is written.
struct TlsText {
  std::string version, cipher;  // "TLSv1.3", "TLS_AES_128_GCM_SHA256"
  // Names joined by ','; empty where the peer has shown no certificate.
  std::string peer_uri_san, peer_dns_san, peer_subject, peer_issuer;
  std::string peer_serial, peer_fingerprint_256;  // lower-case hexadecimal
  std::string peer_certificate;                   // PEM, in URL encoding
  absl::Time peer_not_before = absl::InfinitePast(), peer_not_after = absl::InfinitePast();
  std::string local_uri_san, local_dns_san, local_subject;
};

// What is known of one request when it is over. Borrows everything; an absent header map is empty,
// an absent text is written "-".
struct AccessLogEntry {
  absl::Time start;
  absl::Duration duration;
  // From the start to the events; negative: has not happened.
  absl::Duration request_end = absl::Nanoseconds(-1);
  absl::Duration upstream_request_end = absl::Nanoseconds(-1);
  absl::Duration upstream_response_start = absl::Nanoseconds(-1);
  absl::Duration upstream_response_end = absl::Nanoseconds(-1);
  absl::Duration response_start = absl::Nanoseconds(-1);

  std::string_view method, path, authority, scheme;
  std::string_view protocol;  // "HTTP/1.1"
  http::Headers request_headers;
  http::Headers response_headers;
  http::Headers response_trailers;
  int response_code = 0;
  std::string_view response_code_details;
  std::string_view connection_termination_details;
  uint32_t response_flags = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint32_t attempts = 0;
  uint64_t connection_id = 0;

  std::string_view upstream_host;  // "10.0.0.1:80"
  std::string_view upstream_cluster;
  std::string_view upstream_local_address;
  std::string_view upstream_transport_failure_reason;
  std::string_view downstream_local_address;
  std::string_view downstream_remote_address;
  std::string_view downstream_direct_remote_address;
  std::string_view requested_server_name;
  // Null: in plaintext.
  const TlsText* downstream_tls = nullptr;
  const TlsText* upstream_tls = nullptr;
  std::string_view downstream_transport_failure_reason;
  std::string_view route_name;
  std::string_view virtual_cluster_name;
  std::string_view hostname;
};

// The text of the second last written, so that a busy thread converts each second once. One for
// each thread.
struct ClockText {
  int64_t second = INT64_MIN;
  std::string text;  // "2026-01-31T12:00:00."
};

// Immutable after Parse; thread-safe.
class AccessLogFormat {
 public:
  // Envoy's command operators. InvalidArgument names an operator that is not known:
  //   %RESPONSE_COED%: unknown operator, did you mean RESPONSE_CODE?
  // An empty text is Envoy's default format.
  static absl::StatusOr<AccessLogFormat> Parse(std::string_view text);

  // Cost: some 10 ns an operator; allocates nothing but what `out` needs. Control characters in
  // values are written as '_', so that an entry is as many lines as its format.
  void Append(const AccessLogEntry& entry, ClockText* clock, std::string* out) const;

 private:
  enum class Op : uint8_t;
  struct Piece {
    Op op = {};
    size_t tls_operator = 0;  // which of those that write a text of TLS
    std::string text;         // literal, header name, time format
    std::string alternative;  // the header after "?"
    size_t max_length = SIZE_MAX;
  };
  static absl::StatusOr<Piece> ParseOperator(std::string_view name, std::string_view argument,
                                             std::string_view max_length);
  static void AppendPiece(const Piece& piece, const AccessLogEntry& entry, ClockText* clock,
                          std::string* out);

  std::vector<Piece> pieces_;
};

}  // namespace mesh::telemetry

#endif  // MESH_TELEMETRY_ACCESS_LOG_H_
