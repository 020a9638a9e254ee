#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;

constexpr char kUnix[] = "unix://";

void CheckPortAndBind(Checker* checker, const Path& path, const net::SidecarPort& port,
                      const std::string& bind) {
  const Path at = path.Field("port");
  if (!port.name().empty()) checker->Check(at.Field("name"), CheckPortName(port.name()));
  if (!port.protocol().empty()) {
    checker->Check(at.Field("protocol"), CheckProtocol(port.protocol()));
  }
  checker->Check(at.Field("number"), CheckPort(port.number()));
  if (!bind.empty()) checker->Check(path.Field("bind"), CheckIpAddress(bind));
}

void CheckDefaultEndpoint(Checker* checker, const Path& path, const std::string& endpoint) {
  if (endpoint.empty()) {
    checker->Fail(path, "is missing: where the application listens, such as 127.0.0.1:8080");
    return;
  }
  if (absl::StartsWith(endpoint, kUnix)) {
    checker->Check(path, CheckUnixAddress(endpoint.substr(sizeof(kUnix) - 1)));
    return;
  }
  const std::vector<std::string> parts = absl::StrSplit(endpoint, ':');
  const std::optional<int64_t> port = parts.size() < 2 ? std::nullopt : ParseNumber(parts[1]);
  if (!port.has_value() || (!parts[0].empty() && parts[0] != "127.0.0.1")) {
    checker->Fail(path, absl::StrCat("\"", endpoint, "\" is not 127.0.0.1:PORT or unix:///PATH"));
    return;
  }
  checker->Check(path, CheckPort(*port));
}

void CheckIngressTls(Checker* checker, const Path& path,
                     const net::IstioIngressListener& listener) {
  const net::ServerTLSSettings& tls = listener.tls();
  CheckServerTls(checker, path, tls);
  const auto forbid = [&](std::string_view field, bool given) {
    if (given) checker->Fail(path.Field(field), "is not for a sidecar");
  };
  forbid("subjectAltNames", !tls.subject_alt_names().empty());
  forbid("httpsRedirect", tls.https_redirect());
  forbid("credentialName", !tls.credential_name().empty());
  forbid("credentialNames", !tls.credential_names().empty());
  forbid("tlsCertificates", !tls.tls_certificates().empty());
  if (tls.mode() == net::ServerTLSSettings::ISTIO_MUTUAL ||
      tls.mode() == net::ServerTLSSettings::AUTO_PASSTHROUGH) {
    checker->Fail(path.Field("mode"), absl::StrCat(net::ServerTLSSettings::TLSmode_Name(tls.mode()),
                                                   " is not for a sidecar"));
  }
  if (!IsTlsProtocol(listener.port().protocol())) {
    checker->Fail(path, absl::StrCat("a port of \"", listener.port().protocol(),
                                     "\" has no TLS; write protocol: HTTPS or TLS"));
  }
}

void CheckIngress(Checker* checker, const Path& path, const net::Sidecar& sidecar) {
  std::set<uint32_t> ports;
  for (int i = 0; i < sidecar.ingress_size(); ++i) {
    const net::IstioIngressListener& listener = sidecar.ingress(i);
    const Path at = path.At(i);
    if (!listener.has_port()) {
      checker->Fail(at, "port is missing");
      continue;
    }
    CheckPortAndBind(checker, at, listener.port(), listener.bind());
    if (!ports.insert(listener.port().number()).second) {
      checker->Fail(at.Field("port"), absl::StrCat("port ", listener.port().number(),
                                                   " has another ingress listener"));
    }
    CheckDefaultEndpoint(checker, at.Field("defaultEndpoint"), listener.default_endpoint());
    if (listener.has_tls()) CheckIngressTls(checker, at.Field("tls"), listener);
    if (listener.has_connection_pool()) {
      CheckConnectionPool(checker, at.Field("connectionPool"), listener.connection_pool());
    }
  }
}

void CheckUnixListener(Checker* checker, const Path& path,
                       const net::IstioEgressListener& listener) {
  const Path port = path.Field("port");
  if (!listener.port().name().empty()) {
    checker->Check(port.Field("name"), CheckPortName(listener.port().name()));
  }
  if (!listener.port().protocol().empty()) {
    checker->Check(port.Field("protocol"), CheckProtocol(listener.port().protocol()));
  }
  if (!absl::StartsWith(listener.bind(), kUnix)) {
    checker->Fail(port, "the number is missing; without one, bind is unix:///PATH");
  } else {
    checker->Check(path.Field("bind"), CheckUnixAddress(listener.bind().substr(sizeof(kUnix) - 1)));
  }
  if (listener.capture_mode() != net::DEFAULT && listener.capture_mode() != net::NONE) {
    checker->Fail(path.Field("captureMode"), "is DEFAULT or NONE with a unix address");
  }
}

void CheckEgress(Checker* checker, const Path& path, const net::Sidecar& sidecar) {
  std::set<uint32_t> ports;
  std::set<std::string> unix_addresses;
  for (int i = 0; i < sidecar.egress_size(); ++i) {
    const net::IstioEgressListener& listener = sidecar.egress(i);
    const Path at = path.At(i);
    if (!listener.has_port()) {
      if (i + 1 != sidecar.egress_size()) {
        checker->Fail(at, "the listener without a port is for all others, so it comes last");
      }
    } else if (listener.port().number() == 0) {
      CheckUnixListener(checker, at, listener);
      if (!unix_addresses.insert(listener.bind()).second) {
        checker->Fail(at.Field("bind"),
                      absl::StrCat("\"", listener.bind(), "\" has another egress listener"));
      }
    } else {
      CheckPortAndBind(checker, at, listener.port(), listener.bind());
      if (!ports.insert(listener.port().number()).second) {
        checker->Fail(at.Field("port"), absl::StrCat("port ", listener.port().number(),
                                                     " has another egress listener"));
      }
    }
    if (listener.hosts().empty()) {
      checker->Fail(at, "hosts is missing: name at least one, such as ./* or */*");
    }
    for (int k = 0; k < listener.hosts_size(); ++k) {
      const Path hosts = at.Field("hosts");
      CheckNamespacedHost(checker, hosts.At(k), listener.hosts(k), false);
    }
  }
}

void CheckOutbound(Checker* checker, const Path& path, const net::OutboundTrafficPolicy& policy) {
  if (!policy.has_egress_proxy()) return;
  const Path at = path.Field("egressProxy");
  if (policy.mode() != net::OutboundTrafficPolicy::ALLOW_ANY) {
    checker->Fail(at, "goes with mode ALLOW_ANY only");
    return;
  }
  checker->Check(at.Field("host"), CheckFqdn(policy.egress_proxy().host()));
  if (!policy.egress_proxy().has_port()) {
    checker->Fail(at, "port is missing");
    return;
  }
  CheckDestination(checker, at, policy.egress_proxy());
}

}  // namespace

void CheckSidecar(Checker* checker, const Path& path, const net::Sidecar& sidecar) {
  if (sidecar.has_workload_selector()) {
    CheckSelector(checker, path.Field("workloadSelector"), sidecar.workload_selector());
  }
  if (sidecar.egress().empty()) {
    checker->Fail(path, "egress is missing: say at least hosts, such as ./* or */*");
  }
  CheckIngress(checker, path.Field("ingress"), sidecar);
  CheckEgress(checker, path.Field("egress"), sidecar);
  if (sidecar.has_outbound_traffic_policy()) {
    CheckOutbound(checker, path.Field("outboundTrafficPolicy"), sidecar.outbound_traffic_policy());
  }
  if (sidecar.has_inbound_connection_pool()) {
    CheckConnectionPool(checker, path.Field("inboundConnectionPool"),
                        sidecar.inbound_connection_pool());
  }
}

}  // namespace mesh::config
