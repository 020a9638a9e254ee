#include "mesh/route/action/format.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/field_error.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"

namespace mesh::route::action {
namespace {

enum class Argument { kNone, kNeeded, kOptional };

struct Command {
  std::string_view name;
  Argument argument;
};

// What Envoy 1.40's substitution formats know.
constexpr Command kCommands[] = {
    {"ACCESS_LOG_TYPE", Argument::kNone},
    {"BYTES_RECEIVED", Argument::kNone},
    {"BYTES_RETRANSMITTED", Argument::kNone},
    {"BYTES_SENT", Argument::kNone},
    {"CEL", Argument::kNeeded},
    {"CLUSTER_METADATA", Argument::kNeeded},
    {"COMMON_DURATION", Argument::kNeeded},
    {"CONNECTION_ID", Argument::kNone},
    {"CONNECTION_TERMINATION_DETAILS", Argument::kNone},
    {"CUSTOM_FLAGS", Argument::kNone},
    {"DOWNSTREAM_DETECTED_CLOSE_TYPE", Argument::kNone},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", Argument::kNone},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", Argument::kNone},
    {"DOWNSTREAM_DIRECT_LOCAL_PORT", Argument::kNone},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", Argument::kNone},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", Argument::kOptional},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", Argument::kNone},
    {"DOWNSTREAM_HANDSHAKE_DURATION", Argument::kNone},
    {"DOWNSTREAM_HEADER_BYTES_RECEIVED", Argument::kNone},
    {"DOWNSTREAM_HEADER_BYTES_SENT", Argument::kNone},
    {"DOWNSTREAM_LOCAL_ADDRESS", Argument::kNone},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Argument::kOptional},
    {"DOWNSTREAM_LOCAL_DNS_SAN", Argument::kNone},
    {"DOWNSTREAM_LOCAL_EMAIL_SAN", Argument::kNone},
    {"DOWNSTREAM_LOCAL_IP_SAN", Argument::kNone},
    {"DOWNSTREAM_LOCAL_OTHERNAME_SAN", Argument::kNone},
    {"DOWNSTREAM_LOCAL_PORT", Argument::kNone},
    {"DOWNSTREAM_LOCAL_SUBJECT", Argument::kNone},
    {"DOWNSTREAM_LOCAL_URI_SAN", Argument::kNone},
    {"DOWNSTREAM_PEER_CERT", Argument::kNone},
    {"DOWNSTREAM_PEER_CERT_V_END", Argument::kOptional},
    {"DOWNSTREAM_PEER_CERT_V_START", Argument::kOptional},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", Argument::kNone},
    {"DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", Argument::kNone},
    {"DOWNSTREAM_PEER_CHAIN_SERIALS", Argument::kNone},
    {"DOWNSTREAM_PEER_DNS_SAN", Argument::kNone},
    {"DOWNSTREAM_PEER_EMAIL_SAN", Argument::kNone},
    {"DOWNSTREAM_PEER_FINGERPRINT_1", Argument::kNone},
    {"DOWNSTREAM_PEER_FINGERPRINT_256", Argument::kNone},
    {"DOWNSTREAM_PEER_IP_SAN", Argument::kNone},
    {"DOWNSTREAM_PEER_ISSUER", Argument::kNone},
    {"DOWNSTREAM_PEER_OTHERNAME_SAN", Argument::kNone},
    {"DOWNSTREAM_PEER_SERIAL", Argument::kNone},
    {"DOWNSTREAM_PEER_SUBJECT", Argument::kNone},
    {"DOWNSTREAM_PEER_URI_SAN", Argument::kNone},
    {"DOWNSTREAM_REMOTE_ADDRESS", Argument::kNone},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Argument::kOptional},
    {"DOWNSTREAM_REMOTE_PORT", Argument::kNone},
    {"DOWNSTREAM_TLS_CIPHER", Argument::kNone},
    {"DOWNSTREAM_TLS_SESSION_ID", Argument::kNone},
    {"DOWNSTREAM_TLS_VERSION", Argument::kNone},
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON", Argument::kNone},
    {"DOWNSTREAM_WIRE_BYTES_RECEIVED", Argument::kNone},
    {"DOWNSTREAM_WIRE_BYTES_SENT", Argument::kNone},
    {"DURATION", Argument::kNone},
    {"DYNAMIC_METADATA", Argument::kNeeded},
    {"EMIT_TIME", Argument::kOptional},
    {"EMIT_TIME_LOCAL", Argument::kOptional},
    {"ENVIRONMENT", Argument::kNeeded},
    {"FILTER_STATE", Argument::kNeeded},
    {"GRPC_STATUS", Argument::kOptional},
    {"GRPC_STATUS_NUMBER", Argument::kNone},
    {"HOSTNAME", Argument::kNone},
    {"LOCAL_REPLY_BODY", Argument::kNone},
    {"METADATA", Argument::kNeeded},
    {"PATH", Argument::kOptional},
    {"PER_REQUEST_STATE", Argument::kNeeded},
    {"PROTOCOL", Argument::kNone},
    {"QUERY_PARAM", Argument::kNeeded},
    {"QUERY_PARAMS", Argument::kOptional},
    {"REQ", Argument::kNeeded},
    {"REQUESTED_SERVER_NAME", Argument::kOptional},
    {"REQUEST_DURATION", Argument::kNone},
    {"REQUEST_HEADERS_BYTES", Argument::kNone},
    {"REQUEST_TX_DURATION", Argument::kNone},
    {"REQ_WITHOUT_QUERY", Argument::kNeeded},
    {"RESP", Argument::kNeeded},
    {"RESPONSE_CODE", Argument::kNone},
    {"RESPONSE_CODE_DETAILS", Argument::kOptional},
    {"RESPONSE_DURATION", Argument::kNone},
    {"RESPONSE_FLAGS", Argument::kNone},
    {"RESPONSE_FLAGS_LONG", Argument::kNone},
    {"RESPONSE_HEADERS_BYTES", Argument::kNone},
    {"RESPONSE_TRAILERS_BYTES", Argument::kNone},
    {"RESPONSE_TX_DURATION", Argument::kNone},
    {"ROUNDTRIP_DURATION", Argument::kNone},
    {"ROUTE_NAME", Argument::kNone},
    {"SPAN_ID", Argument::kNone},
    {"START_TIME", Argument::kOptional},
    {"START_TIME_LOCAL", Argument::kOptional},
    {"STREAM_ID", Argument::kNone},
    {"TLS_JA3_FINGERPRINT", Argument::kNone},
    {"TLS_JA4_FINGERPRINT", Argument::kNone},
    {"TRACE_ID", Argument::kNone},
    {"TRAILER", Argument::kNeeded},
    {"UNIQUE_ID", Argument::kNone},
    {"UPSTREAM_CLUSTER", Argument::kNone},
    {"UPSTREAM_CLUSTER_RAW", Argument::kNone},
    {"UPSTREAM_CONNECTION_ID", Argument::kNone},
    {"UPSTREAM_CX_POOL_READY_DURATION", Argument::kNone},
    {"UPSTREAM_FILTER_STATE", Argument::kNeeded},
    {"UPSTREAM_HEADER_BYTES_RECEIVED", Argument::kNone},
    {"UPSTREAM_HEADER_BYTES_SENT", Argument::kNone},
    {"UPSTREAM_HOST", Argument::kNone},
    {"UPSTREAM_HOST_NAME", Argument::kNone},
    {"UPSTREAM_HOST_NAME_WITHOUT_PORT", Argument::kNone},
    {"UPSTREAM_LOCAL_ADDRESS", Argument::kNone},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", Argument::kNone},
    {"UPSTREAM_LOCAL_PORT", Argument::kNone},
    {"UPSTREAM_METADATA", Argument::kNeeded},
    {"UPSTREAM_PEER_CERT", Argument::kNone},
    {"UPSTREAM_PEER_DNS_SAN", Argument::kNone},
    {"UPSTREAM_PEER_ISSUER", Argument::kNone},
    {"UPSTREAM_PEER_SUBJECT", Argument::kNone},
    {"UPSTREAM_PEER_URI_SAN", Argument::kNone},
    {"UPSTREAM_PROTOCOL", Argument::kNone},
    {"UPSTREAM_REMOTE_ADDRESS", Argument::kNone},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Argument::kNone},
    {"UPSTREAM_REMOTE_PORT", Argument::kNone},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", Argument::kNone},
    {"UPSTREAM_TLS_CIPHER", Argument::kNone},
    {"UPSTREAM_TLS_SESSION_ID", Argument::kNone},
    {"UPSTREAM_TLS_VERSION", Argument::kNone},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", Argument::kNone},
    {"UPSTREAM_WIRE_BYTES_RECEIVED", Argument::kNone},
    {"UPSTREAM_WIRE_BYTES_SENT", Argument::kNone},
    {"VIRTUAL_CLUSTER_NAME", Argument::kNone},
};

absl::Status Check(const Format::Piece& piece, bool has_argument) {
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [&](const Command& c) { return c.name == piece.name; });
  if (found == std::end(kCommands)) {
    std::vector<std::string_view> names;
    for (const Command& command : kCommands) names.push_back(command.name);
    const std::string_view near = NearestName(piece.name, names);
    return absl::InvalidArgumentError(
        absl::StrCat("Not supported field in StreamInfo: ", piece.name,
                     near.empty() ? "" : ", did you mean ", Absl(near), near.empty() ? "" : "?"));
  }
  if (found->argument == Argument::kNeeded && !has_argument) {
    return absl::InvalidArgumentError(
        absl::StrCat(piece.name, " requires parameters: %", piece.name, "(...)%"));
  }
  if (found->argument == Argument::kNone && has_argument) {
    return absl::InvalidArgumentError(absl::StrCat(piece.name, " does not take any parameters"));
  }
  return absl::OkStatus();
}

bool AppendHeader(const http::Headers& headers, std::string_view argument, bool without_query,
                  std::string* out) {
  // "x-a?x-b": the second where the first is missing.
  const size_t mark = argument.find('?');
  std::optional<std::string_view> value = headers.First(http::LowerCase(argument.substr(0, mark)));
  if (!value && mark != std::string_view::npos) {
    value = headers.First(http::LowerCase(argument.substr(mark + 1)));
  }
  if (!value) return false;
  absl::StrAppend(out, Absl(without_query ? http::WithoutQuery(*value) : *value));
  return true;
}

}  // namespace

absl::StatusOr<Format> ParseFormat(std::string_view text) {
  Format format;
  format.text = std::string(text);
  std::string literal;
  const auto flush = [&] {
    if (literal.empty()) return;
    format.pieces.push_back({literal, "", "", std::nullopt});
    literal.clear();
  };
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '%') {
      literal += text[at++];
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == '%') {
      literal += '%';
      at += 2;
      continue;
    }
    if (at + 1 == text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Un-escaped % at position ", at, "; write %%"));
    }
    flush();
    Format::Piece piece;
    size_t end = at + 1;
    while (end < text.size() && ((text[end] >= 'A' && text[end] <= 'Z') ||
                                 (text[end] >= '0' && text[end] <= '9') || text[end] == '_')) {
      ++end;
    }
    piece.name = std::string(text.substr(at + 1, end - at - 1));
    const auto unterminated = [&] {
      return absl::InvalidArgumentError(
          absl::StrCat("Un-terminated variable expression '", Absl(text.substr(at + 1)), "'"));
    };
    bool has_argument = false;
    if (end < text.size() && text[end] == '(') {
      // The argument may hold ')' where it is not the one before '%' or ':'.
      size_t close = text.find(')', end);
      while (close != std::string_view::npos && close + 1 < text.size() && text[close + 1] != '%' &&
             text[close + 1] != ':') {
        close = text.find(')', close + 1);
      }
      if (close == std::string_view::npos) return unterminated();
      piece.argument = std::string(text.substr(end + 1, close - end - 1));
      has_argument = true;
      end = close + 1;
    }
    if (end < text.size() && text[end] == ':') {
      size_t digits = end + 1;
      while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
      size_t length = 0;
      if (!absl::SimpleAtoi(Absl(text.substr(end + 1, digits - end - 1)), &length)) {
        return absl::InvalidArgumentError(
            absl::StrCat("Length must be an integer, given: ",
                         Absl(text.substr(end + 1, text.find('%', end) - end - 1))));
      }
      piece.max_length = length;
      end = digits;
    }
    if (end >= text.size() || text[end] != '%' || piece.name.empty()) return unterminated();
    if (absl::Status status = Check(piece, has_argument); !status.ok()) return status;
    format.pieces.push_back(std::move(piece));
    at = end + 1;
  }
  flush();
  return format;
}

std::string Evaluate(const Format& format, const FormatContext& context) {
  std::string out;
  for (const Format::Piece& piece : format.pieces) {
    if (piece.name.empty()) {
      out += piece.literal;
      continue;
    }
    const size_t start = out.size();
    if (piece.name == "REQ") {
      AppendHeader(context.request, piece.argument, false, &out);
    } else if (piece.name == "REQ_WITHOUT_QUERY") {
      AppendHeader(context.request, piece.argument, true, &out);
    } else if (piece.name == "RESP") {
      AppendHeader(context.response, piece.argument, false, &out);
    } else if (piece.name == "QUERY_PARAM") {
      const std::string_view path = context.request.First(":path").value_or("");
      out += std::string(http::QueryParameter(path, piece.argument).value_or(""));
    } else if (piece.name == "PATH") {
      const std::string_view path = context.request.First(":path").value_or("");
      const bool with_query = piece.argument.substr(0, 2) != "NQ";
      out += std::string(with_query ? path : http::WithoutQuery(path));
    } else if (context.variables != nullptr) {
      context.variables->Append(piece.name, piece.argument, &out);
    }
    if (piece.max_length && out.size() - start > *piece.max_length) {
      out.resize(start + *piece.max_length);
    }
  }
  return out;
}

}  // namespace mesh::route::action
