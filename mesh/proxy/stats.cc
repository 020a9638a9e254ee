#include "mesh/proxy/stats.h"

#include <algorithm>

namespace mesh::proxy {
namespace {

void AddCodes(const CodeCounts& from, CodeCounts* to) {
  for (const auto& [code, count] : from) CountCode(code, to, count);
}

void AddNames(const NameCounts& from, NameCounts* to) {
  for (const auto& [name, count] : from) CountName(name, to, count);
}

}  // namespace

void TlsStats::Add(const TlsStats& o) {
  connection_error += o.connection_error;
  handshake += o.handshake;
  session_reused += o.session_reused;
  no_certificate += o.no_certificate;
  fail_verify_no_cert += o.fail_verify_no_cert;
  fail_verify_error += o.fail_verify_error;
  fail_verify_san += o.fail_verify_san;
  fail_verify_cert_hash += o.fail_verify_cert_hash;
  AddNames(o.versions, &versions);
  AddNames(o.ciphers, &ciphers);
  AddNames(o.curves, &curves);
}

void ClusterStats::Add(const ClusterStats& o) {
  cx_total += o.cx_total;
  cx_active += o.cx_active;
  cx_connect_fail += o.cx_connect_fail;
  cx_connect_timeout += o.cx_connect_timeout;
  cx_overflow += o.cx_overflow;
  cx_rx_bytes += o.cx_rx_bytes;
  cx_tx_bytes += o.cx_tx_bytes;
  cx_none_healthy += o.cx_none_healthy;
  cx_protocol_error += o.cx_protocol_error;
  rq_total += o.rq_total;
  rq_active += o.rq_active;
  rq_pending_active += o.rq_pending_active;
  rq_pending_total += o.rq_pending_total;
  rq_pending_overflow += o.rq_pending_overflow;
  rq_timeout += o.rq_timeout;
  rq_per_try_timeout += o.rq_per_try_timeout;
  rq_rx_reset += o.rq_rx_reset;
  rq_tx_reset += o.rq_tx_reset;
  rq_retry += o.rq_retry;
  rq_retry_success += o.rq_retry_success;
  rq_retry_overflow += o.rq_retry_overflow;
  rq_retry_limit_exceeded += o.rq_retry_limit_exceeded;
  rq_stale_retry += o.rq_stale_retry;
  rq_completed += o.rq_completed;
  tls.Add(o.tls);
  AddCodes(o.codes, &codes);
  rq_time.Add(o.rq_time);
  for (const RequestSeries& s : o.series) {
    auto found = std::find_if(series.begin(), series.end(), [&s](const RequestSeries& t) {
      return t.SameLabels(s.inbound, s.code, s.flags, s.source_principal, s.destination_principal);
    });
    if (found == series.end()) {
      series.push_back(s);
    } else {
      found->count += s.count;
      found->request_bytes += s.request_bytes;
      found->response_bytes += s.response_bytes;
      found->duration.Add(s.duration);
    }
  }
}

void HostStats::Add(const HostStats& o) {
  cx_total += o.cx_total;
  cx_active += o.cx_active;
  cx_connect_fail += o.cx_connect_fail;
  rq_total += o.rq_total;
  rq_active += o.rq_active;
  rq_success += o.rq_success;
  rq_error += o.rq_error;
  rq_timeout += o.rq_timeout;
}

void ListenerStats::Add(const ListenerStats& o) {
  cx_total += o.cx_total;
  cx_active += o.cx_active;
  cx_protocol_error += o.cx_protocol_error;
  cx_rx_bytes += o.cx_rx_bytes;
  cx_tx_bytes += o.cx_tx_bytes;
  rq_total += o.rq_total;
  rq_active += o.rq_active;
  rq_rx_reset += o.rq_rx_reset;
  rq_timeout += o.rq_timeout;
  rq_idle_timeout += o.rq_idle_timeout;
  no_route += o.no_route;
  no_cluster += o.no_cluster;
  no_filter_chain_match += o.no_filter_chain_match;
  pre_cx_timeout += o.pre_cx_timeout;
  secrets_not_ready += o.secrets_not_ready;
  handshake_timeout += o.handshake_timeout;
  tls.Add(o.tls);
  rbac_allowed += o.rbac_allowed;
  rbac_denied += o.rbac_denied;
  rbac_shadow_allowed += o.rbac_shadow_allowed;
  rbac_shadow_denied += o.rbac_shadow_denied;
  rbac_logged += o.rbac_logged;
  jwt_allowed += o.jwt_allowed;
  jwt_denied += o.jwt_denied;
  jwt_cors_preflight_bypass += o.jwt_cors_preflight_bypass;
  ext_authz_ok += o.ext_authz_ok;
  ext_authz_denied += o.ext_authz_denied;
  ext_authz_error += o.ext_authz_error;
  ext_authz_failure_mode_allowed += o.ext_authz_failure_mode_allowed;
  AddCodes(o.codes, &codes);
}

}  // namespace mesh::proxy
