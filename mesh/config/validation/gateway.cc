#include <set>

#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;

// Whether the port says enough to go on.
bool CheckServerPort(Checker* checker, const Path& path, const net::Server& server) {
  if (!server.has_port()) {
    checker->Fail(path, "port is missing");
    return false;
  }
  const Path at = path.Field("port");
  const std::string protocol = CheckProtocol(server.port().protocol());
  const std::string number = server.port().number() > 0 ? CheckPort(server.port().number()) : "";
  checker->Check(at.Field("protocol"), protocol);
  checker->Check(at.Field("number"), number);
  if (server.port().name().empty()) checker->Fail(at, "the port needs a name, such as http");
  return protocol.empty() && number.empty() && !server.port().name().empty();
}

void CheckServer(Checker* checker, const Path& path, const net::Server& server) {
  if (server.hosts().empty()) checker->Fail(path, "hosts is missing: name at least one, or *");
  for (int i = 0; i < server.hosts_size(); ++i) {
    const Path hosts = path.Field("hosts");
    CheckNamespacedHost(checker, hosts.At(i), server.hosts(i), true);
  }
  const bool good_port = CheckServerPort(checker, path, server);
  if (server.has_tls()) CheckServerTls(checker, path.Field("tls"), server.tls());
  if (!good_port) return;
  const std::string& protocol = server.port().protocol();
  if (IsTlsProtocol(protocol)) {
    if (!server.has_tls()) {
      checker->Fail(path, absl::StrCat("tls is missing: the protocol is ", protocol));
    }
    return;
  }
  if (!server.has_tls()) return;
  const net::ServerTLSSettings& tls = server.tls();
  const bool passthrough = tls.mode() == net::ServerTLSSettings::PASSTHROUGH ||
                           tls.mode() == net::ServerTLSSettings::AUTO_PASSTHROUGH;
  if (!IsHttpProtocol(protocol)) {
    checker->Fail(path.Field("tls"),
                  absl::StrCat("is for HTTPS and TLS, the protocol is ", protocol));
  } else if (!passthrough || !tls.ca_certificates().empty() || !tls.private_key().empty() ||
             !tls.server_certificate().empty()) {
    checker->Fail(path.Field("tls"), absl::StrCat("may only have httpsRedirect where the protocol "
                                                  "is ",
                                                  protocol, "; for TLS use HTTPS"));
  }
}

}  // namespace

void CheckGateway(Checker* checker, const Path& path, const net::Gateway& gateway) {
  // What else a name may be is checked for all kinds.
  const std::string& name = checker->resource().name();
  if (name.find('.') != std::string::npos) {
    const Path root;
    checker->Fail(
        root.Field("metadata").Field("name"),
        absl::StrCat("\"", name,
                     "\" has dots: where a gateway is named, that would be a domain name; "
                     "write - instead"));
  }
  if (gateway.servers().empty()) checker->Fail(path, "servers is missing: a gateway has one");
  std::set<std::string> names;
  for (int i = 0; i < gateway.servers_size(); ++i) {
    const Path list = path.Field("servers");
    const Path at = list.At(i);
    const net::Server& server = gateway.servers(i);
    CheckServer(checker, at, server);
    if (server.has_port() && !names.insert(server.port().name()).second) {
      checker->Fail(at.Field("port").Field("name"),
                    absl::StrCat("\"", server.port().name(),
                                 "\" is the name of another port of this gateway"));
    }
  }
}

}  // namespace mesh::config
