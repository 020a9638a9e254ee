// Servers of Gateways and Sidecars: settings that are ignored.
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "mesh/analysis/checks/schema_warnings.h"
#include "mesh/config/field_path.h"
#include "mesh/registry/protocol.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using net::ServerTLSSettings;

bool CarriesHttp(const std::string& protocol) {
  return registry::IsHttp(registry::ParseProtocol(protocol));
}

void CheckSuites(const config::Resource& object, const ServerTLSSettings& tls,
                 const std::string& path, Findings* findings) {
  static const std::set<std::string>* const kSuites =
      new std::set<std::string>{"ECDHE-ECDSA-AES128-GCM-SHA256",
                                "ECDHE-RSA-AES128-GCM-SHA256",
                                "ECDHE-ECDSA-AES256-GCM-SHA384",
                                "ECDHE-RSA-AES256-GCM-SHA384",
                                "ECDHE-ECDSA-CHACHA20-POLY1305",
                                "ECDHE-RSA-CHACHA20-POLY1305",
                                "ECDHE-ECDSA-AES128-SHA",
                                "ECDHE-RSA-AES128-SHA",
                                "ECDHE-ECDSA-AES256-SHA",
                                "ECDHE-RSA-AES256-SHA",
                                "AES128-GCM-SHA256",
                                "AES256-GCM-SHA384",
                                "AES128-SHA",
                                "AES256-SHA",
                                "DES-CBC3-SHA",
                                "ECDHE-RSA-AES128-SHA256"};
  std::set<std::string> seen;
  for (int s = 0; s < tls.cipher_suites_size(); ++s) {
    const std::string& suite = tls.cipher_suites(s);
    const std::string field = IndexPath(path + ".cipherSuites", s);
    if (kSuites->count(suite) == 0) {
      Warn(object, field, absl::StrCat("no cipher suite is called \"", suite, "\""),
           "write a name of OpenSSL's, such as ECDHE-RSA-AES128-GCM-SHA256", findings);
    } else if (!seen.insert(suite).second) {
      Warn(object, field, absl::StrCat("\"", suite, "\" is there already"), "delete it", findings);
    }
  }
  const bool old = tls.min_protocol_version() == ServerTLSSettings::TLSV1_0 ||
                   tls.min_protocol_version() == ServerTLSSettings::TLSV1_1;
  if (old && tls.cipher_suites().empty()) {
    Warn(object, path + ".minProtocolVersion",
         "the cipher suites that are on by default are for TLS 1.2 and later",
         "name cipherSuites that older clients have, such as AES128-SHA", findings);
  }
}

void CheckTls(const config::Resource& object, const ServerTLSSettings& tls, const std::string& path,
              Findings* findings) {
  CheckSuites(object, tls, path, findings);
  const bool passes = tls.mode() == ServerTLSSettings::PASSTHROUGH ||
                      tls.mode() == ServerTLSSettings::AUTO_PASSTHROUGH;
  if (passes && (!tls.server_certificate().empty() || !tls.private_key().empty() ||
                 !tls.ca_certificates().empty() || !tls.credential_name().empty() ||
                 tls.credential_names_size() > 0 || tls.tls_certificates_size() > 0)) {
    Warn(object, path + ".mode",
         absl::StrCat(ServerTLSSettings::TLSmode_Name(tls.mode()),
                      " does not end TLS: its certificates are ignored"),
         "write mode: SIMPLE, or delete the certificates", findings);
  }
  if (tls.tls_certificates_size() > 2) {
    Warn(object, path + ".tlsCertificates", "a server has two certificates at most",
         "keep one of RSA and one of ECDSA", findings);
  }
}

void CheckHosts(const config::Resource& object, const net::IstioEgressListener& listener,
                const std::string& path, Findings* findings) {
  std::map<std::string, std::set<std::string>> seen;  // services by namespace
  for (int i = 0; i < listener.hosts_size(); ++i) {
    const std::string& host = listener.hosts(i);
    const size_t slash = host.find('/');
    if (slash == std::string::npos || host[0] == '~') continue;
    std::string ns = host.substr(0, slash);
    if (ns == ".") ns = object.ns();
    const std::string service = host.substr(slash + 1);
    std::set<std::string>& services = seen[ns];
    const bool again =
        service == "*" ? !services.empty() : services.count(service) + services.count("*") > 0;
    if (again) {
      Warn(object, IndexPath(path + ".hosts", i),
           absl::StrCat("\"", host, "\" and a host before it name the same services"),
           "keep the one that is meant", findings);
    }
    services.insert(service);
  }
  const auto all = seen.find("*");
  if (all != seen.end() && all->second.count("*") > 0 && seen.size() > 1) {
    Warn(object, path + ".hosts", "*/* is all services: the other hosts add nothing",
         "delete */*, or the others", findings);
  }
}

}  // namespace

void WarnOfGateway(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<net::Gateway>();
  for (int i = 0; i < spec.servers_size(); ++i) {
    const net::Server& server = spec.servers(i);
    const std::string path = IndexPath("spec.servers", i) + ".tls";
    CheckTls(object, server.tls(), path, findings);
    if (server.has_port() && server.tls().https_redirect() &&
        !CarriesHttp(server.port().protocol())) {
      Warn(object, path + ".httpsRedirect",
           absl::StrCat("httpsRedirect is ignored on a port of ", server.port().protocol()),
           "delete it, or put it at the server for HTTP", findings);
    }
  }
}

void WarnOfSidecar(const config::Resource& object, Findings* findings) {
  const auto& spec = object.As<net::Sidecar>();
  if (spec.has_workload_selector() && spec.workload_selector().labels().empty()) {
    Warn(object, "spec.workloadSelector",
         "the workloadSelector has no labels: the Sidecar is for its whole namespace",
         "write the labels of the workload, or delete workloadSelector", findings);
  }
  for (int i = 0; i < spec.egress_size(); ++i) {
    CheckHosts(object, spec.egress(i), IndexPath("spec.egress", i), findings);
  }
  for (int i = 0; i < spec.ingress_size(); ++i) {
    const net::IstioIngressListener& listener = spec.ingress(i);
    const std::string path = IndexPath("spec.ingress", i);
    CheckTls(object, listener.tls(), path + ".tls", findings);
    if (listener.connection_pool().has_http() && !CarriesHttp(listener.port().protocol())) {
      Warn(object, path + ".connectionPool.http",
           absl::StrCat("the port carries ", listener.port().protocol(),
                        ": only the settings under tcp apply"),
           "correct the protocol, or delete them", findings);
    }
  }
}

}  // namespace mesh::analysis
