#include "mesh/proxy/request_rules.h"

#include <algorithm>
#include <array>
#include <string>

#include "mesh/http/host.h"
#include "mesh/http/path.h"
#include "mesh/proxy/address.h"
#include "mesh/proxy/client_cert_header.h"
#include "mesh/telemetry/access_log.h"

namespace mesh::proxy {
namespace {

using Hcm = envoy::HttpConnectionManager;

LocalReply Malformed(int status, std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  reply.malformed = true;
  return reply;
}

// Of a request that is well-formed: nothing is wrong with the protocol.
LocalReply Refuse(int status, std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  reply.close = true;
  return reply;
}

// Headers by which a neighbour steers a proxy or learns from it: no client's to set.
constexpr std::string_view kNotTheClients[] = {
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
};

constexpr std::array<bool, 256> MakeAuthorityTable() {
  std::array<bool, 256> table = {};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : {'-', '.', '_', '~', '%', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=',
                 ':', '[', ']'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kAuthority = MakeAuthorityTable();

// A host, perhaps with a port; no user information (RFC 9110 §4.2.4).
bool IsAuthority(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return kAuthority[static_cast<unsigned char>(c)]; });
}

// Fields that a Connection header must not take away from the next hop.
bool MayBeNominated(std::string_view member) {
  for (std::string_view name :
       {"host", "content-length", "transfer-encoding", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "x-forwarded-client-cert", "x-request-id", "authorization"}) {
    if (http::EqualsIgnoreCase(member, name)) return false;
  }
  return !member.empty() && member[0] != ':';
}

// Removes what Connection names. False where it names what it must not.
bool RemoveNominated(HeaderMap* headers) {
  bool fine = true;
  // Values stay where they are while entries are removed.
  std::array<std::string_view, 8> lists;
  size_t count = 0;
  for (const HeaderMap::Entry& entry : headers->entries()) {
    if (entry.id == HeaderId::kConnection && count < lists.size()) lists[count++] = entry.value;
  }
  for (size_t i = 0; i < count; ++i) {
    ForEachListMember(lists[i], [&](std::string_view member) {
      if (http::EqualsIgnoreCase(member, "close") || http::EqualsIgnoreCase(member, "keep-alive") ||
          http::EqualsIgnoreCase(member, "upgrade") || http::EqualsIgnoreCase(member, "te")) {
        return;  // the rules below deal with these
      }
      if (!MayBeNominated(member)) {
        fine = false;
        return;
      }
      headers->RemoveIf([member](const HeaderMap::Entry& entry) {
        return http::EqualsIgnoreCase(entry.name, member);
      });
    });
  }
  return fine;
}

// Splits the target into authority and path.
bool ReadTarget(MessageHead* head, RequestParts* parts) {
  const std::string_view target = head->target;
  const std::string_view* const host = head->headers.Find(HeaderId::kHost);
  parts->authority = host == nullptr ? std::string_view() : *host;
  parts->scheme = "http";
  if (target[0] == '/') {
    parts->path = target;
    return true;
  }
  if (head->method == "CONNECT") {
    parts->authority = target;
    parts->path.clear();
    return true;
  }
  if (target == "*") {
    parts->path = target;
    return head->method == "OPTIONS";
  }
  // Absolute form: its authority counts, whatever Host says (RFC 9112 §3.2.2).
  size_t prefix = 0;
  if (http::StartsWithIgnoreCase(target, "http://")) {
    prefix = 7;
  } else if (http::StartsWithIgnoreCase(target, "https://")) {
    prefix = 8;
    parts->scheme = "https";
  } else {
    return false;
  }
  const std::string_view rest = target.substr(prefix);
  const size_t slash = rest.find_first_of("/?");
  parts->authority = rest.substr(0, slash);
  if (slash == std::string_view::npos) {
    parts->path = "/";
  } else {
    parts->path.assign(rest[slash] == '?' ? "/" : "");
    parts->path.append(rest.substr(slash));
  }
  return true;
}

std::optional<LocalReply> ReadHost(const Hcm& manager, uint16_t local_port, MessageHead* head,
                                   RequestParts* parts) {
  if (head->minor_version == 0 && !manager.accept_http_10) return Malformed(426, "low_version");
  const size_t hosts = head->headers.Count(HeaderId::kHost);
  if (hosts > 1) return Malformed(400, "http1.multiple_hosts");
  if (!ReadTarget(head, parts)) return Malformed(400, "http1.codec_error");
  if (head->minor_version == 0 && hosts == 0 && !manager.default_host_for_http_10.empty()) {
    parts->authority = manager.default_host_for_http_10;
  } else if (hosts == 0) {
    return Refuse(400, "missing_host_header");
  }
  const std::string_view* const host = head->headers.Find(HeaderId::kHost);
  if (host != nullptr && !IsAuthority(*host)) return Malformed(400, "http.invalid_authority");
  if (!IsAuthority(parts->authority)) return Malformed(400, "http.invalid_authority");
  const size_t port = http::PortStart(parts->authority);
  if (port != std::string_view::npos &&
      (manager.strip_any_host_port ||
       (manager.strip_matching_host_port &&
        std::string_view(parts->authority).substr(port + 1) == std::to_string(local_port)))) {
    parts->authority.resize(port);
  }
  if (manager.strip_trailing_host_dot && parts->authority.size() > 1 &&
      parts->authority.back() == '.') {
    parts->authority.pop_back();
  }
  return std::nullopt;
}

std::optional<LocalReply> ReadUpgrade(const Hcm& manager, const MessageHead& head,
                                      RequestParts* parts) {
  parts->upgrade = false;
  if (head.method == "CONNECT") {
    // No route here takes one, and what follows is nobody's request.
    LocalReply reply = Refuse(404, "route_not_found");
    reply.flags = telemetry::Bit(telemetry::ResponseFlag::kNoRouteFound);
    return reply;
  }
  if (!head.upgrade || head.minor_version == 0) return std::nullopt;
  const std::string_view type = *head.headers.Find(HeaderId::kUpgrade);
  // HTTP/2 by Upgrade may be ignored (RFC 9110 §7.8), and is.
  if (http::EqualsIgnoreCase(type, "h2c")) return std::nullopt;
  const bool allowed =
      std::any_of(manager.upgrades.begin(), manager.upgrades.end(),
                  [type](const std::string& known) { return http::EqualsIgnoreCase(type, known); });
  if (!allowed) {
    return Refuse(403, "upgrade_failed");
  }
  // Where the body ends and the other protocol begins, two parsers might not agree on.
  if (head.framing != Framing::kNone || head.headers.Count(HeaderId::kUpgrade) > 1) {
    return Malformed(400, "http1.upgrade_with_body");
  }
  parts->upgrade = true;
  return std::nullopt;
}

// One pass over what no rule but these looks at.
void StripHeaders(const Hcm& manager, const TlsFacts* tls, RequestParts* parts,
                  HeaderMap* headers) {
  parts->expects_continue = false;
  headers->RemoveIf([&](HeaderMap::Entry& entry) {
    switch (entry.id) {
      case HeaderId::kConnection:
        if (!parts->upgrade) return true;
        entry.value = "Upgrade";
        return false;
      case HeaderId::kUpgrade:
        return !parts->upgrade;
      case HeaderId::kExpect:
        if (http::EqualsIgnoreCase(entry.value, "100-continue")) parts->expects_continue = true;
        return true;
      case HeaderId::kTe:
        if (!ListHas(entry.value, "trailers")) return true;
        entry.value = "trailers";
        return false;
      case HeaderId::kHost:
      case HeaderId::kHttp2Settings:
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
        return true;
      case HeaderId::kTransferEncoding:
        entry.value = "chunked";  // nothing else has come this far, and so it is sent on
        return false;
      case HeaderId::kXEnvoyDecoratorOperation:
        return manager.use_remote_address;
      case HeaderId::kXEnvoyOriginalPath:
        return manager.use_remote_address;
      case HeaderId::kXForwardedClientCert:
        return !KeepsClientCert(manager, tls);
      case HeaderId::kXEnvoy: {
        if (manager.use_remote_address && (entry.name == "x-envoy-downstream-service-cluster" ||
                                           entry.name == "x-envoy-downstream-service-node")) {
          return true;
        }
        return std::find(std::begin(kNotTheClients), std::end(kNotTheClients), entry.name) !=
               std::end(kNotTheClients);
      }
      default:
        return false;
    }
  });
}

// All of x-forwarded-for as one list.
std::string_view ForwardedFor(const HeaderMap& headers, Arena* arena) {
  std::string_view list;
  for (const HeaderMap::Entry& entry : headers.entries()) {
    if (entry.id != HeaderId::kXForwardedFor) continue;
    list = list.empty() ? entry.value : arena->Concat(arena->Concat(list, ","), entry.value);
  }
  return list;
}

// The address that stands `skipped` places before the list's last, as a peer's: "10.0.0.1:0"; ""
// where there is none.
std::string AddressIn(std::string_view list, uint32_t skipped) {
  for (;; --skipped) {
    const size_t comma = list.rfind(',');
    std::string_view member = list.substr(comma == std::string_view::npos ? 0 : comma + 1);
    if (skipped == 0) {
      while (!member.empty() && member.front() == ' ') member.remove_prefix(1);
      while (!member.empty() && member.back() == ' ') member.remove_suffix(1);
      const std::optional<Address> address = Address::Parse(member, 0);
      return address.has_value() ? address->ToString() : "";
    }
    if (comma == std::string_view::npos) return "";
    list = list.substr(0, comma);
  }
}

void AddOrigin(const Hcm& manager, const ConnectionInfo& connection, RequestParts* parts,
               HeaderMap* headers) {
  Arena* const arena = headers->arena();
  const std::string_view own = connection.tls == nullptr ? "http" : "https";
  const std::string_view list = ForwardedFor(*headers, arena);
  if (!manager.use_remote_address) {
    parts->remote = AddressIn(list, manager.xff_num_trusted_hops);
  } else if (manager.xff_num_trusted_hops > 0) {
    parts->remote = AddressIn(list, manager.xff_num_trusted_hops - 1);
  }
  const std::string_view* const proto = headers->Find(HeaderId::kXForwardedProto);
  const bool proto_known = proto != nullptr && (http::EqualsIgnoreCase(*proto, "http") ||
                                                http::EqualsIgnoreCase(*proto, "https"));
  if (!manager.use_remote_address) {
    if (!proto_known) headers->SetView(HeaderId::kXForwardedProto, own);
    return;
  }
  if (!manager.skip_xff_append) {
    headers->SetView(HeaderId::kXForwardedFor,
                     list.empty() ? std::string_view(connection.remote_ip)
                                  : arena->Concat(arena->Concat(list, ","), connection.remote_ip));
  }
  if (manager.xff_num_trusted_hops == 0 || !proto_known) {
    headers->SetView(HeaderId::kXForwardedProto, own);
  }
  headers->AddView("x-envoy-external-address", connection.remote_ip);
}

// Without one in the target, the scheme is what x-forwarded-proto says, which by now is ours or
// that of a neighbour who is believed.
void SetScheme(const MessageHead& head, RequestParts* parts) {
  if (!head.target.empty() && head.target[0] != '/') return;
  const std::string_view* const proto = head.headers.Find(HeaderId::kXForwardedProto);
  const bool https = proto != nullptr && http::EqualsIgnoreCase(*proto, "https");
  parts->scheme = https ? "https" : "http";
}

void AddRequestId(const Hcm& manager, Random* random, HeaderMap* headers) {
  if (!manager.generate_request_id) return;
  const bool trusted = !manager.use_remote_address || manager.preserve_external_request_id;
  if (trusted && headers->Has(HeaderId::kXRequestId)) return;
  char* const id = headers->arena()->Allocate(36);
  WriteRequestId(random, id);
  headers->SetView(HeaderId::kXRequestId, std::string_view(id, 36));
}

}  // namespace

void WriteRequestId(Random* random, char* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  uint64_t halves[2] = {random->Next(), random->Next()};
  halves[0] = (halves[0] & ~0xf000ull) | 0x4000;           // version 4
  halves[1] = (halves[1] & ~(3ull << 62)) | (2ull << 62);  // the RFC's variant
  int digit = 0;
  for (int i = 0; i < 36; ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      out[i] = '-';
      continue;
    }
    out[i] = kHex[halves[digit / 16] >> (60 - 4 * (digit % 16)) & 15];
    ++digit;
  }
}

std::optional<LocalReply> PrepareRequest(const Hcm& manager, const ConnectionInfo& connection,
                                         Random* random, MessageHead* head, RequestParts* parts) {
  parts->remote.clear();
  if (std::optional<LocalReply> reply = ReadHost(manager, connection.local_port, head, parts))
    return reply;
  if (parts->path == "*") {
    // No route can match it: it is not about a resource.
    LocalReply reply = Refuse(404, "absolute_path_rejected");
    reply.close = false;
    return reply;
  }
  // Whether it may become another protocol is decided last, as far as anyone can see.
  const std::optional<LocalReply> no_upgrade = ReadUpgrade(manager, *head, parts);
  if (no_upgrade.has_value() && no_upgrade->malformed) return no_upgrade;
  const bool has_connection = head->headers.Has(HeaderId::kConnection);
  if (has_connection && !RemoveNominated(&head->headers)) {
    return Malformed(400, "http1.connection_header_rejected");
  }
  StripHeaders(manager, connection.tls.get(), parts, &head->headers);
  AddClientCert(manager, connection.tls.get(), &head->headers);
  const bool fragment = parts->path.find('#') != std::string::npos;
  const http::PathOutcome path =
      fragment || head->method == "CONNECT"
          ? http::PathOutcome::kUnchanged
          : http::NormalizePath(manager.path_normalization, &parts->path);
  if (fragment) return Refuse(400, "path_normalization_failed");
  switch (path) {
    case http::PathOutcome::kReject:
      return Refuse(400, "path_normalization_failed");
    case http::PathOutcome::kRedirect: {
      LocalReply reply;
      reply.status = 307;
      reply.details = "path_normalization_failed";
      reply.location = parts->path;
      return reply;
    }
    default:
      break;
  }
  AddOrigin(manager, connection, parts, &head->headers);
  SetScheme(*head, parts);
  AddRequestId(manager, random, &head->headers);
  return no_upgrade;
}

void PrepareResponse(const Hcm& manager, envoy::Listener::Direction direction,
                     std::string_view date, bool upgraded, HeaderMap* headers) {
  if (headers->Has(HeaderId::kConnection)) RemoveNominated(headers);
  bool has_server = false;
  bool has_date = false;
  headers->RemoveIf([&](HeaderMap::Entry& entry) {
    switch (entry.id) {
      case HeaderId::kConnection:
        if (!upgraded) return true;
        entry.value = "Upgrade";
        return false;
      case HeaderId::kUpgrade:
        return !upgraded;
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
        return true;
      case HeaderId::kXEnvoyDecoratorOperation:
        return direction != envoy::Listener::Direction::kInbound;
      case HeaderId::kServer:
        if (manager.server_header == Hcm::ServerHeader::kOverwrite) return true;
        has_server = true;
        return false;
      case HeaderId::kDate:
        has_date = true;
        return false;
      default:
        return false;
    }
  });
  if (!has_date) headers->AddView(HeaderId::kDate, date);
  if (!has_server && manager.server_header != Hcm::ServerHeader::kPassThrough) {
    headers->AddView(HeaderId::kServer, manager.server_name);
  }
}

void PrepareInterim(HeaderMap* headers) {
  if (headers->Has(HeaderId::kConnection)) RemoveNominated(headers);
  headers->RemoveIf([](const HeaderMap::Entry& entry) {
    switch (entry.id) {
      case HeaderId::kConnection:
      case HeaderId::kContentLength:
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
        return true;
      default:
        return false;
    }
  });
}

}  // namespace mesh::proxy
