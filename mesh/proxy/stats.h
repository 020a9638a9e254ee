// What a worker counts. Plain numbers of one thread: whoever wants to read them asks the worker for
// a copy.
#ifndef MESH_PROXY_STATS_H_
#define MESH_PROXY_STATS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh::proxy {

// Envoy's bounds, milliseconds.
inline constexpr std::array<double, 19> kDurationBoundsMs = {
    0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
    2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

struct DurationHistogram {
  std::array<uint64_t, kDurationBoundsMs.size() + 1> counts = {};
  double sum_ms = 0;

  void Add(double ms) {
    size_t i = 0;
    while (i < kDurationBoundsMs.size() && ms > kDurationBoundsMs[i]) ++i;
    ++counts[i];
    sum_ms += ms;
  }
  void Add(const DurationHistogram& other) {
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    sum_ms += other.sum_ms;
  }
};

// Status code -> how often.
using CodeCounts = std::vector<std::pair<int, uint64_t>>;
inline void CountCode(int code, CodeCounts* counts, uint64_t by = 1) {
  for (auto& [known, count] : *counts) {
    if (known == code) {
      count += by;
      return;
    }
  }
  counts->push_back({code, by});
}

// One time series of istio_requests_total and istio_request_duration_milliseconds.
struct RequestSeries {
  bool inbound = false;  // reporter="destination", else "source"
  int code = 0;
  uint32_t flags = 0;
  // Who certificates say is on either side; empty: unknown.
  std::string source_principal, destination_principal;
  uint64_t count = 0;
  uint64_t request_bytes = 0;
  uint64_t response_bytes = 0;
  DurationHistogram duration;

  bool SameLabels(bool of_inbound, int of_code, uint32_t of_flags, std::string_view source,
                  std::string_view destination) const {
    return code == of_code && flags == of_flags && inbound == of_inbound &&
           source_principal == source && destination_principal == destination;
  }
};

// Name -> how often.
using NameCounts = std::vector<std::pair<std::string, uint64_t>>;
inline void CountName(const std::string& name, NameCounts* counts, uint64_t by = 1) {
  for (auto& [known, count] : *counts) {
    if (known == name) {
      count += by;
      return;
    }
  }
  counts->push_back({name, by});
}

// Names as in Envoy's TLS statistics, "ssl." left out.
struct TlsStats {
  uint64_t connection_error = 0, handshake = 0, session_reused = 0, no_certificate = 0,
           fail_verify_no_cert = 0, fail_verify_error = 0, fail_verify_san = 0,
           fail_verify_cert_hash = 0;
  NameCounts versions, ciphers, curves;

  void Add(const TlsStats& other);
};

// Names as in Envoy's cluster statistics, "upstream_" left out.
struct ClusterStats {
  uint64_t cx_total = 0, cx_active = 0, cx_connect_fail = 0, cx_connect_timeout = 0,
           cx_overflow = 0, cx_rx_bytes = 0, cx_tx_bytes = 0, cx_none_healthy = 0,
           cx_protocol_error = 0;
  uint64_t rq_total = 0, rq_active = 0, rq_pending_active = 0, rq_pending_total = 0,
           rq_pending_overflow = 0, rq_timeout = 0, rq_per_try_timeout = 0, rq_rx_reset = 0,
           rq_tx_reset = 0, rq_retry = 0, rq_retry_success = 0, rq_retry_overflow = 0,
           rq_retry_limit_exceeded = 0, rq_stale_retry = 0, rq_completed = 0;
  TlsStats tls;
  CodeCounts codes;
  DurationHistogram rq_time;
  std::vector<RequestSeries> series;

  void Add(const ClusterStats& other);
};

struct HostStats {
  uint64_t cx_total = 0, cx_active = 0, cx_connect_fail = 0, rq_total = 0, rq_active = 0,
           rq_success = 0, rq_error = 0, rq_timeout = 0;
  void Add(const HostStats& other);
};

// Names as in Envoy's HTTP connection manager and listener statistics, "downstream_" left out.
struct ListenerStats {
  uint64_t cx_total = 0, cx_active = 0, cx_protocol_error = 0, cx_rx_bytes = 0, cx_tx_bytes = 0;
  uint64_t rq_total = 0, rq_active = 0, rq_rx_reset = 0, rq_timeout = 0, rq_idle_timeout = 0;
  uint64_t no_route = 0, no_cluster = 0;
  // Of the listener itself: connections that no chain takes, that said too little before
  // listener_filters_timeout, whose chain waits for a secret, whose handshake took too long.
  uint64_t no_filter_chain_match = 0, pre_cx_timeout = 0, secrets_not_ready = 0,
           handshake_timeout = 0;
  TlsStats tls;
  uint64_t rbac_allowed = 0, rbac_denied = 0, rbac_shadow_allowed = 0, rbac_shadow_denied = 0,
           rbac_logged = 0;
  uint64_t jwt_allowed = 0, jwt_denied = 0, jwt_cors_preflight_bypass = 0;
  uint64_t ext_authz_ok = 0, ext_authz_denied = 0, ext_authz_error = 0,
           ext_authz_failure_mode_allowed = 0;
  CodeCounts codes;

  void Add(const ListenerStats& other);
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_STATS_H_
