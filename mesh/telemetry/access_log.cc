#include "mesh/telemetry/access_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mesh/base/field_error.h"
#include "mesh/base/strings.h"

namespace mesh::telemetry {
namespace {

constexpr std::array<std::pair<ResponseFlag, std::string_view>, 22> kFlagNames = {{
    // It is found out first, and so stands first, as Envoy has it.
    {ResponseFlag::kUpstreamRetryLimitExceeded, "URX"},
    {ResponseFlag::kNoHealthyUpstream, "UH"},
    {ResponseFlag::kUpstreamConnectionFailure, "UF"},
    {ResponseFlag::kUpstreamOverflow, "UO"},
    {ResponseFlag::kNoRouteFound, "NR"},
    {ResponseFlag::kNoClusterFound, "NC"},
    {ResponseFlag::kDurationTimeout, "DT"},
    {ResponseFlag::kDownstreamConnectionTermination, "DC"},
    {ResponseFlag::kFailedLocalHealthCheck, "LH"},
    {ResponseFlag::kUpstreamRequestTimeout, "UT"},
    {ResponseFlag::kLocalReset, "LR"},
    {ResponseFlag::kUpstreamRemoteReset, "UR"},
    {ResponseFlag::kUpstreamConnectionTermination, "UC"},
    {ResponseFlag::kDelayInjected, "DI"},
    {ResponseFlag::kFaultInjected, "FI"},
    {ResponseFlag::kRateLimited, "RL"},
    {ResponseFlag::kUnauthorizedExternal, "UAEX"},
    {ResponseFlag::kStreamIdleTimeout, "SI"},
    {ResponseFlag::kDownstreamProtocolError, "DPE"},
    {ResponseFlag::kUpstreamProtocolError, "UPE"},
    {ResponseFlag::kUpstreamMaxStreamDuration, "UMSDR"},
    {ResponseFlag::kOverloadManager, "OM"},
}};

constexpr std::string_view kDefaultFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

void AppendNumber(uint64_t number, std::string* out) {
  char text[20];
  out->append(text, std::to_chars(text, text + sizeof(text), number).ptr - text);
}

void AppendFlags(uint32_t flags, std::string* out) {
  const size_t before = out->size();
  for (const auto& [flag, name] : kFlagNames) {
    if ((flags & static_cast<uint32_t>(flag)) == 0) continue;
    if (out->size() > before) out->push_back(',');
    out->append(name);
  }
  if (out->size() == before) out->push_back('-');
}

// An absent value is "-".
void AppendText(std::string_view text, std::string* out) {
  if (text.empty()) {
    out->push_back('-');
    return;
  }
  const size_t before = out->size();
  out->append(text);
  for (size_t i = before; i < out->size(); ++i) {
    const unsigned char c = static_cast<unsigned char>((*out)[i]);
    if ((c < 0x20 && c != '\t') || c == 0x7f) (*out)[i] = '_';
  }
}

void AppendMillis(absl::Duration d, std::string* out) {
  if (d < absl::ZeroDuration()) {
    out->push_back('-');
  } else {
    AppendNumber(absl::ToInt64Milliseconds(d), out);
  }
}

void AppendIp(std::string_view address, std::string* out) {
  const size_t colon = address.rfind(':');
  std::string_view ip = address.substr(0, colon);
  if (ip.size() > 1 && ip.front() == '[') ip = ip.substr(1, ip.size() - 2);
  AppendText(ip, out);
}

void AppendPort(std::string_view address, std::string* out) {
  const size_t colon = address.rfind(':');
  AppendText(colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1), out);
}

// "2026-01-31T12:00:00.123Z".
void AppendStart(absl::Time time, ClockText* clock, std::string* out) {
  const int64_t millis = absl::ToUnixMillis(time);
  const int64_t second = millis / 1000;
  if (clock->second != second) {
    clock->second = second;
    clock->text = absl::FormatTime("%Y-%m-%dT%H:%M:%S.", time, absl::UTCTimeZone());
  }
  out->append(clock->text);
  const int ms = static_cast<int>(millis % 1000);
  out->push_back(static_cast<char>('0' + ms / 100));
  out->push_back(static_cast<char>('0' + ms / 10 % 10));
  out->push_back(static_cast<char>('0' + ms % 10));
  out->push_back('Z');
}

using TlsField = std::string TlsText::*;

// The operators that write one text of a TLS connection, in the client's or the upstream's place.
struct TlsOperator {
  std::string_view name;
  bool upstream;
  TlsField field;
};
constexpr TlsOperator kTlsOperators[] = {
    {"DOWNSTREAM_TLS_VERSION", false, &TlsText::version},
    {"DOWNSTREAM_TLS_CIPHER", false, &TlsText::cipher},
    {"DOWNSTREAM_PEER_URI_SAN", false, &TlsText::peer_uri_san},
    {"DOWNSTREAM_PEER_DNS_SAN", false, &TlsText::peer_dns_san},
    {"DOWNSTREAM_PEER_SUBJECT", false, &TlsText::peer_subject},
    {"DOWNSTREAM_PEER_ISSUER", false, &TlsText::peer_issuer},
    {"DOWNSTREAM_PEER_SERIAL", false, &TlsText::peer_serial},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", false, &TlsText::peer_fingerprint_256},
    {"DOWNSTREAM_PEER_CERT", false, &TlsText::peer_certificate},
    {"DOWNSTREAM_LOCAL_URI_SAN", false, &TlsText::local_uri_san},
    {"DOWNSTREAM_LOCAL_DNS_SAN", false, &TlsText::local_dns_san},
    {"DOWNSTREAM_LOCAL_SUBJECT", false, &TlsText::local_subject},
    {"UPSTREAM_TLS_VERSION", true, &TlsText::version},
    {"UPSTREAM_TLS_CIPHER", true, &TlsText::cipher},
    {"UPSTREAM_PEER_URI_SAN", true, &TlsText::peer_uri_san},
    {"UPSTREAM_PEER_DNS_SAN", true, &TlsText::peer_dns_san},
    {"UPSTREAM_PEER_SUBJECT", true, &TlsText::peer_subject},
    {"UPSTREAM_PEER_ISSUER", true, &TlsText::peer_issuer},
    {"UPSTREAM_PEER_SERIAL", true, &TlsText::peer_serial},
    {"UPSTREAM_PEER_FINGERPRINT_256", true, &TlsText::peer_fingerprint_256},
    {"UPSTREAM_PEER_CERT", true, &TlsText::peer_certificate},
    {"UPSTREAM_LOCAL_URI_SAN", true, &TlsText::local_uri_san},
    {"UPSTREAM_LOCAL_DNS_SAN", true, &TlsText::local_dns_san},
    {"UPSTREAM_LOCAL_SUBJECT", true, &TlsText::local_subject},
};

std::string_view FirstOf(const http::Headers& headers, std::string_view name) {
  const std::optional<std::string_view> value = headers.First(name);
  return value.has_value() ? *value : std::string_view();
}

// Of other headers that came more than once Envoy shows the first.
bool IsJoined(std::string_view name) {
  static constexpr std::string_view kJoined[] = {"accept",
                                                 "accept-encoding",
                                                 "authorization",
                                                 "cache-control",
                                                 "content-encoding",
                                                 "content-type",
                                                 "if-match",
                                                 "origin",
                                                 "referer",
                                                 "user-agent",
                                                 "via",
                                                 "x-forwarded-for",
                                                 "x-forwarded-host",
                                                 "x-forwarded-port",
                                                 "x-forwarded-proto",
                                                 "x-forwarded-client-cert",
                                                 "x-request-id"};
  return std::find(std::begin(kJoined), std::end(kJoined), name) != std::end(kJoined);
}

// False where there is none of that name. One that is empty is written as it is.
bool AppendHeader(const http::Headers& headers, std::string_view name, std::string* out) {
  if (name.empty()) return false;
  const auto append = [out](std::string_view value) {
    if (!value.empty()) AppendText(value, out);
  };
  if (IsJoined(name)) {
    const http::JoinedHeader joined(headers, name);
    if (joined.present()) append(joined.value());
    return joined.present();
  }
  const std::optional<std::string_view> value = headers.First(name);
  if (value.has_value()) append(*value);
  return value.has_value();
}

}  // namespace

enum class AccessLogFormat::Op : uint8_t {
  kLiteral,
  kStartTime,
  kStartTimeFormat,
  kRequest,
  kRequestWithoutQuery,
  kResponse,
  kTrailer,
  kProtocol,
  kResponseCode,
  kResponseCodeDetails,
  kConnectionTerminationDetails,
  kResponseFlags,
  kBytesReceived,
  kBytesSent,
  kDuration,
  kRequestDuration,
  kRequestTxDuration,
  kResponseDuration,
  kResponseTxDuration,
  kUpstreamHost,
  kUpstreamCluster,
  kUpstreamLocalAddress,
  kUpstreamTransportFailureReason,
  kUpstreamRequestAttemptCount,
  kDownstreamLocalAddress,
  kDownstreamLocalIp,
  kDownstreamLocalPort,
  kDownstreamRemoteAddress,
  kDownstreamRemoteIp,
  kDownstreamRemotePort,
  kDownstreamDirectRemoteAddress,
  kDownstreamDirectRemoteIp,
  kRequestedServerName,
  kRouteName,
  kVirtualClusterName,
  kHostname,
  kConnectionId,
  kTls,
  kPeerNotBefore,
  kPeerNotAfter,
  kDownstreamTransportFailureReason,
  kAbsent,
};

std::string ResponseFlagsText(uint32_t flags) {
  std::string out;
  AppendFlags(flags, &out);
  return out;
}

uint32_t ResponseFlagBit(std::string_view name) {
  for (const auto& [flag, text] : kFlagNames) {
    if (text == name) return Bit(flag);
  }
  return 0;
}

absl::StatusOr<AccessLogFormat::Piece> AccessLogFormat::ParseOperator(std::string_view name,
                                                                      std::string_view argument,
                                                                      std::string_view max) {
  static constexpr std::array<std::pair<std::string_view, Op>, 45> kOperators = {{
      {"START_TIME", Op::kStartTime},
      {"REQ", Op::kRequest},
      {"REQUEST_HEADER", Op::kRequest},
      {"REQ_WITHOUT_QUERY", Op::kRequestWithoutQuery},
      {"RESP", Op::kResponse},
      {"TRAILER", Op::kTrailer},
      {"PROTOCOL", Op::kProtocol},
      {"RESPONSE_CODE", Op::kResponseCode},
      {"RESPONSE_CODE_DETAILS", Op::kResponseCodeDetails},
      {"CONNECTION_TERMINATION_DETAILS", Op::kConnectionTerminationDetails},
      {"RESPONSE_FLAGS", Op::kResponseFlags},
      {"BYTES_RECEIVED", Op::kBytesReceived},
      {"BYTES_SENT", Op::kBytesSent},
      {"DURATION", Op::kDuration},
      {"REQUEST_DURATION", Op::kRequestDuration},
      {"REQUEST_TX_DURATION", Op::kRequestTxDuration},
      {"RESPONSE_DURATION", Op::kResponseDuration},
      {"RESPONSE_TX_DURATION", Op::kResponseTxDuration},
      {"UPSTREAM_HOST", Op::kUpstreamHost},
      {"UPSTREAM_REMOTE_ADDRESS", Op::kUpstreamHost},
      {"UPSTREAM_CLUSTER", Op::kUpstreamCluster},
      {"UPSTREAM_CLUSTER_RAW", Op::kUpstreamCluster},
      {"UPSTREAM_LOCAL_ADDRESS", Op::kUpstreamLocalAddress},
      {"UPSTREAM_TRANSPORT_FAILURE_REASON", Op::kUpstreamTransportFailureReason},
      {"UPSTREAM_REQUEST_ATTEMPT_COUNT", Op::kUpstreamRequestAttemptCount},
      {"DOWNSTREAM_LOCAL_ADDRESS", Op::kDownstreamLocalAddress},
      {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Op::kDownstreamLocalIp},
      {"DOWNSTREAM_LOCAL_PORT", Op::kDownstreamLocalPort},
      {"DOWNSTREAM_REMOTE_ADDRESS", Op::kDownstreamRemoteAddress},
      {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Op::kDownstreamRemoteIp},
      {"DOWNSTREAM_REMOTE_PORT", Op::kDownstreamRemotePort},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Op::kDownstreamDirectRemoteAddress},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Op::kDownstreamDirectRemoteIp},
      {"REQUESTED_SERVER_NAME", Op::kRequestedServerName},
      {"ROUTE_NAME", Op::kRouteName},
      {"VIRTUAL_CLUSTER_NAME", Op::kVirtualClusterName},
      {"HOSTNAME", Op::kHostname},
      {"CONNECTION_ID", Op::kConnectionId},
      {"DOWNSTREAM_PEER_CERT_V_START", Op::kPeerNotBefore},
      {"DOWNSTREAM_PEER_CERT_V_END", Op::kPeerNotAfter},
      {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", Op::kDownstreamTransportFailureReason},
      // Without filters that leave metadata these have no value.
      {"DYNAMIC_METADATA", Op::kAbsent},
      {"FILTER_STATE", Op::kAbsent},
      {"GRPC_STATUS", Op::kTrailer},
      {"TRACE_ID", Op::kAbsent},
  }};
  Piece piece;
  for (size_t i = 0; i < std::size(kTlsOperators); ++i) {
    if (kTlsOperators[i].name == name) {
      piece.op = Op::kTls;
      piece.tls_operator = i;
    }
  }
  const auto* const found = std::find_if(kOperators.begin(), kOperators.end(),
                                         [&](const auto& entry) { return entry.first == name; });
  if (piece.op == Op::kTls) {
    // The argument picks one of several names; all of them are written.
  } else if (found == kOperators.end()) {
    std::vector<std::string_view> names;
    for (const auto& entry : kOperators) names.push_back(entry.first);
    for (const TlsOperator& entry : kTlsOperators) names.push_back(entry.name);
    const std::string_view nearest = NearestName(name, names);
    return absl::InvalidArgumentError(absl::StrCat(
        "%", Absl(name), "%: unknown operator",
        nearest.empty() ? std::string() : absl::StrCat(", did you mean ", Absl(nearest), "?")));
  }
  if (piece.op != Op::kTls) piece.op = found->second;
  const bool takes_header = piece.op == Op::kRequest || piece.op == Op::kRequestWithoutQuery ||
                            piece.op == Op::kResponse || piece.op == Op::kTrailer;
  if (name == "GRPC_STATUS") {
    piece.text = "grpc-status";
  } else if (takes_header) {
    const size_t question = argument.find('?');
    piece.text = absl::AsciiStrToLower(Absl(argument.substr(0, question)));
    if (question != std::string_view::npos) {
      piece.alternative = absl::AsciiStrToLower(Absl(argument.substr(question + 1)));
    }
    if (piece.text.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("%", Absl(name), "%: the header is missing"));
    }
  } else if (piece.op == Op::kStartTime && !argument.empty()) {
    piece.op = Op::kStartTimeFormat;
    piece.text = std::string(argument);
  } else if (piece.op == Op::kPeerNotBefore || piece.op == Op::kPeerNotAfter) {
    piece.text = argument.empty() ? "%Y-%m-%dT%H:%M:%E3SZ" : std::string(argument);
  }
  if (!max.empty() && !absl::SimpleAtoi(Absl(max), &piece.max_length)) {
    return absl::InvalidArgumentError(
        absl::StrCat("%", Absl(name), ":", Absl(max), "%: the length is no number"));
  }
  return piece;
}

absl::StatusOr<AccessLogFormat> AccessLogFormat::Parse(std::string_view text) {
  if (text.empty()) text = kDefaultFormat;
  AccessLogFormat format;
  std::string literal;
  const auto end_literal = [&] {
    if (literal.empty()) return;
    Piece piece;
    piece.op = Op::kLiteral;
    piece.text = std::move(literal);
    format.pieces_.push_back(std::move(piece));
    literal.clear();
  };
  while (!text.empty()) {
    const size_t percent = text.find('%');
    literal.append(text.substr(0, percent));
    if (percent == std::string_view::npos) break;
    text.remove_prefix(percent + 1);
    if (!text.empty() && text[0] == '%') {
      literal.push_back('%');
      text.remove_prefix(1);
      continue;
    }
    // NAME, NAME(argument), NAME:max, NAME(argument):max; an argument may hold '%' and '('.
    size_t name_end = 0;
    while (name_end < text.size() &&
           (absl::ascii_isalnum(text[name_end]) || text[name_end] == '_')) {
      ++name_end;
    }
    const std::string_view name = text.substr(0, name_end);
    std::string_view rest = text.substr(name_end);
    std::string_view argument, max;
    if (!rest.empty() && rest[0] == '(') {
      size_t close = rest.find(")%");
      const size_t close_max = rest.find("):");
      close = std::min(close, close_max);
      if (close == std::string_view::npos) {
        return absl::InvalidArgumentError(absl::StrCat("%", Absl(name), "(: ')' is missing"));
      }
      argument = rest.substr(1, close - 1);
      rest.remove_prefix(close + 1);
    }
    const size_t end = rest.find('%');
    if (end == std::string_view::npos || name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("%", Absl(name), ": the closing '%' is missing"));
    }
    if (end > 0) {
      if (rest[0] != ':') {
        return absl::InvalidArgumentError(
            absl::StrCat("%", Absl(name), Absl(rest.substr(0, end + 1)), ": unknown operator"));
      }
      max = rest.substr(1, end - 1);
    }
    text = rest.substr(end + 1);
    end_literal();
    absl::StatusOr<Piece> piece = ParseOperator(name, argument, max);
    if (!piece.ok()) return piece.status();
    format.pieces_.push_back(*std::move(piece));
  }
  end_literal();
  return format;
}

void AccessLogFormat::AppendPiece(const Piece& piece, const AccessLogEntry& e, ClockText* clock,
                                  std::string* out) {
  // False where the request has none of that name.
  const auto request = [&e, out](std::string_view name) {
    std::string_view part;
    if (name == ":method") {
      part = e.method;
    } else if (name == ":path") {
      part = e.path;
    } else if (name == ":authority" || name == "host") {
      part = e.authority;
    } else if (name == ":scheme") {
      part = e.scheme;
    } else {
      return AppendHeader(e.request_headers, name, out);
    }
    if (!part.empty()) AppendText(part, out);
    return !part.empty();
  };
  switch (piece.op) {
    case Op::kLiteral:
      out->append(piece.text);
      return;
    case Op::kStartTime:
      return AppendStart(e.start, clock, out);
    case Op::kStartTimeFormat:
      out->append(absl::FormatTime(piece.text, e.start, absl::UTCTimeZone()));
      return;
    case Op::kRequest:
    case Op::kRequestWithoutQuery: {
      const size_t before = out->size();
      if (!request(piece.text) && !request(piece.alternative)) out->push_back('-');
      if (piece.op == Op::kRequestWithoutQuery)
        out->resize(std::min(out->find('?', before), out->size()));
      return;
    }
    case Op::kResponse:
      if (!AppendHeader(e.response_headers, piece.text, out) &&
          !AppendHeader(e.response_headers, piece.alternative, out)) {
        out->push_back('-');
      }
      return;
    case Op::kTrailer:
      return AppendText(FirstOf(e.response_trailers, piece.text), out);
    case Op::kProtocol:
      return AppendText(e.protocol, out);
    case Op::kResponseCode:
      return AppendNumber(e.response_code, out);
    case Op::kResponseCodeDetails:
      return AppendText(e.response_code_details, out);
    case Op::kConnectionTerminationDetails:
      return AppendText(e.connection_termination_details, out);
    case Op::kResponseFlags:
      return AppendFlags(e.response_flags, out);
    case Op::kBytesReceived:
      return AppendNumber(e.bytes_received, out);
    case Op::kBytesSent:
      return AppendNumber(e.bytes_sent, out);
    case Op::kDuration:
      return AppendMillis(e.duration, out);
    case Op::kRequestDuration:
      return AppendMillis(e.request_end, out);
    case Op::kRequestTxDuration:
      return AppendMillis(e.upstream_request_end, out);
    case Op::kResponseDuration:
      return AppendMillis(e.upstream_response_start, out);
    case Op::kResponseTxDuration:
      return AppendMillis(e.upstream_response_start < absl::ZeroDuration()
                              ? absl::Nanoseconds(-1)
                              : e.duration - e.upstream_response_start,
                          out);
    case Op::kUpstreamHost:
      return AppendText(e.upstream_host, out);
    case Op::kUpstreamCluster:
      return AppendText(e.upstream_cluster, out);
    case Op::kUpstreamLocalAddress:
      return AppendText(e.upstream_local_address, out);
    case Op::kUpstreamTransportFailureReason:
      return AppendText(e.upstream_transport_failure_reason, out);
    case Op::kUpstreamRequestAttemptCount:
      return AppendNumber(e.attempts, out);
    case Op::kDownstreamLocalAddress:
      return AppendText(e.downstream_local_address, out);
    case Op::kDownstreamLocalIp:
      return AppendIp(e.downstream_local_address, out);
    case Op::kDownstreamLocalPort:
      return AppendPort(e.downstream_local_address, out);
    case Op::kDownstreamRemoteAddress:
      return AppendText(e.downstream_remote_address, out);
    case Op::kDownstreamRemoteIp:
      return AppendIp(e.downstream_remote_address, out);
    case Op::kDownstreamRemotePort:
      return AppendPort(e.downstream_remote_address, out);
    case Op::kDownstreamDirectRemoteAddress:
      return AppendText(e.downstream_direct_remote_address, out);
    case Op::kDownstreamDirectRemoteIp:
      return AppendIp(e.downstream_direct_remote_address, out);
    case Op::kRequestedServerName:
      return AppendText(e.requested_server_name, out);
    case Op::kRouteName:
      return AppendText(e.route_name, out);
    case Op::kVirtualClusterName:
      return AppendText(e.virtual_cluster_name, out);
    case Op::kHostname:
      return AppendText(e.hostname, out);
    case Op::kConnectionId:
      return AppendNumber(e.connection_id, out);
    case Op::kTls: {
      const TlsOperator& tls = kTlsOperators[piece.tls_operator];
      const TlsText* const text = tls.upstream ? e.upstream_tls : e.downstream_tls;
      return AppendText(text == nullptr ? std::string_view() : std::string_view(text->*tls.field),
                        out);
    }
    case Op::kPeerNotBefore:
    case Op::kPeerNotAfter: {
      const absl::Time time = e.downstream_tls == nullptr      ? absl::InfinitePast()
                              : piece.op == Op::kPeerNotBefore ? e.downstream_tls->peer_not_before
                                                               : e.downstream_tls->peer_not_after;
      return AppendText(time == absl::InfinitePast()
                            ? std::string()
                            : absl::FormatTime(piece.text, time, absl::UTCTimeZone()),
                        out);
    }
    case Op::kDownstreamTransportFailureReason:
      return AppendText(e.downstream_transport_failure_reason, out);
    case Op::kAbsent:
      out->push_back('-');
      return;
  }
}

void AccessLogFormat::Append(const AccessLogEntry& entry, ClockText* clock,
                             std::string* out) const {
  for (const Piece& piece : pieces_) {
    const size_t before = out->size();
    AppendPiece(piece, entry, clock, out);
    if (out->size() - before > piece.max_length) out->resize(before + piece.max_length);
  }
}

}  // namespace mesh::telemetry
