#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;

constexpr char kUnix[] = "unix://";

void CheckEndpointPorts(Checker* checker, const Path& path, const net::WorkloadEntry& endpoint,
                        const std::set<std::string>& names) {
  for (const auto* port : Sorted(endpoint.ports())) {
    const Path ports = path.Field("ports");
    if (names.count(port->first) == 0) {
      checker->Fail(ports.Key(port->first),
                    absl::StrCat("the service has no port named \"", port->first, "\""));
    }
    checker->Check(ports.Key(port->first), CheckPort(port->second));
  }
}

void CheckStaticEndpoints(Checker* checker, const Path& path, const net::ServiceEntry& entry,
                          const std::set<std::string>& names) {
  bool any_unix = false;
  for (int i = 0; i < entry.endpoints_size(); ++i) {
    const net::WorkloadEntry& endpoint = entry.endpoints(i);
    const Path list = path.Field("endpoints");
    const Path at = list.At(i);
    if (absl::StartsWith(endpoint.address(), kUnix)) {
      any_unix = true;
      checker->Check(at.Field("address"),
                     CheckUnixAddress(endpoint.address().substr(sizeof(kUnix) - 1)));
      if (!endpoint.ports().empty()) checker->Fail(at.Field("ports"), "a unix address has none");
    } else {
      checker->Check(at.Field("address"), CheckIpAddress(endpoint.address()));
      CheckEndpointPorts(checker, at, endpoint, names);
    }
    CheckLabels(checker, at.Field("labels"), endpoint.labels());
  }
  if (any_unix && entry.ports_size() != 1) {
    checker->Fail(path.Field("ports"), "with a unix address the service has exactly one port");
  }
}

void CheckDnsEndpoints(Checker* checker, const Path& path, const net::ServiceEntry& entry,
                       const std::set<std::string>& names) {
  if (entry.endpoints().empty()) {
    for (int i = 0; i < entry.hosts_size(); ++i) {
      const Path list = path.Field("hosts");
      const std::string problem = CheckFqdn(entry.hosts(i));
      if (!problem.empty()) {
        checker->Fail(list.At(i), absl::StrCat("cannot be resolved: ", problem,
                                               "; give endpoints, or a host without *"));
      }
    }
  }
  for (int i = 0; i < entry.endpoints_size(); ++i) {
    const net::WorkloadEntry& endpoint = entry.endpoints(i);
    const Path list = path.Field("endpoints");
    const Path at = list.At(i);
    if (!IsIpAddress(endpoint.address()) && !CheckFqdn(endpoint.address()).empty()) {
      checker->Fail(
          at.Field("address"),
          absl::StrCat("\"", endpoint.address(), "\" is neither a domain name nor an IP address"));
    }
    CheckLabels(checker, at.Field("labels"), endpoint.labels());
    CheckEndpointPorts(checker, at, endpoint, names);
  }
}

// Each name of a wildcard is resolved when a request has it.
void CheckDynamicDns(Checker* checker, const Path& path, const net::ServiceEntry& entry) {
  const Path hosts = path.Field("hosts");
  for (int i = 0; i < entry.hosts_size(); ++i) {
    if (absl::StartsWith(entry.hosts(i), "*")) continue;
    checker->Fail(hosts.At(i), "DYNAMIC_DNS is for wildcards, such as *.example.com; use DNS");
  }
  if (!entry.addresses().empty()) {
    checker->Fail(path.Field("addresses"), "DYNAMIC_DNS goes by the names of requests alone");
  }
  if (!entry.endpoints().empty()) {
    checker->Fail(path.Field("endpoints"), "DYNAMIC_DNS resolves the names of requests");
  }
  const Path ports = path.Field("ports");
  for (int i = 0; i < entry.ports_size(); ++i) {
    const std::string protocol = absl::AsciiStrToUpper(entry.ports(i).protocol());
    if (protocol == "HTTP" || protocol == "HTTP2" || protocol == "GRPC" || protocol == "TLS") {
      continue;
    }
    const Path at = ports.At(i);
    checker->Fail(at.Field("protocol"), "is HTTP, HTTP2, GRPC or TLS with DYNAMIC_DNS");
  }
}

void CheckProbe(Checker* checker, const Path& path, const net::ReadinessProbe& probe) {
  const std::pair<const char*, int32_t> kNumbers[] = {
      {"initialDelaySeconds", probe.initial_delay_seconds()},
      {"timeoutSeconds", probe.timeout_seconds()},
      {"periodSeconds", probe.period_seconds()},
      {"successThreshold", probe.success_threshold()},
      {"failureThreshold", probe.failure_threshold()},
  };
  for (const auto& [name, number] : kNumbers) {
    if (number < 0) checker->Fail(path.Field(name), absl::StrCat(number, " is below 0"));
  }
  switch (probe.health_check_method_case()) {
    case net::ReadinessProbe::kHttpGet: {
      const net::HTTPHealthCheckConfig& get = probe.http_get();
      const Path at = path.Field("httpGet");
      checker->Check(at.Field("port"), CheckPort(get.port()));
      if (!get.scheme().empty() && get.scheme() != "HTTP" && get.scheme() != "HTTPS") {
        checker->Fail(at.Field("scheme"),
                      absl::StrCat("\"", get.scheme(), "\" is neither HTTP nor HTTPS"));
      }
      const Path headers = at.Field("httpHeaders");
      for (int i = 0; i < get.http_headers_size(); ++i) {
        const std::string& name = get.http_headers(i).name();
        if (!name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
              return absl::ascii_isalnum(c) || c == '-';
            })) {
          continue;
        }
        checker->Fail(headers.At(i), "name is no header's: letters, digits and -");
      }
      break;
    }
    case net::ReadinessProbe::kTcpSocket:
      checker->Check(path.Field("tcpSocket").Field("port"), CheckPort(probe.tcp_socket().port()));
      break;
    case net::ReadinessProbe::kExec:
      if (probe.exec().command().empty()) checker->Fail(path.Field("exec"), "command is missing");
      break;
    case net::ReadinessProbe::kGrpc:
      checker->Check(path.Field("grpc").Field("port"), CheckPort(probe.grpc().port()));
      break;
    default:
      checker->Fail(path, "asks nothing; give httpGet, tcpSocket, exec or grpc");
  }
}

}  // namespace

void CheckServiceEntry(Checker* checker, const Path& path, const net::ServiceEntry& entry) {
  if (entry.has_workload_selector()) {
    CheckSelector(checker, path.Field("workloadSelector"), entry.workload_selector());
    // Also [], as Istio has it.
    if (!entry.endpoints().empty() || checker->IsWritten(path.Field("endpoints"))) {
      checker->Fail(path.Field("endpoints"),
                    "the endpoints are those of workloadSelector; give one of the two");
    }
  }
  if (entry.hosts().empty()) checker->Fail(path, "hosts is missing: name at least one");
  for (int i = 0; i < entry.hosts_size(); ++i) {
    const Path list = path.Field("hosts");
    checker->Check(list.At(i), entry.hosts(i) == "*" ? "* is no host of a service"
                                                     : CheckWildcardDomain(entry.hosts(i)));
  }

  const bool resolves = entry.resolution() != net::ServiceEntry::NONE &&
                        entry.resolution() != net::ServiceEntry::STATIC;
  for (int i = 0; i < entry.addresses_size(); ++i) {
    const Path list = path.Field("addresses");
    checker->Check(list.At(i), CheckSubnet(entry.addresses(i)));
    if (resolves && absl::StrContains(entry.addresses(i), "/")) {
      checker->Fail(list.At(i), "a subnet goes with resolution NONE or STATIC");
    }
  }

  std::set<std::string> names;
  std::set<uint32_t> numbers;
  bool can_tell_hosts_apart = true;
  for (int i = 0; i < entry.ports_size(); ++i) {
    const net::ServicePort& port = entry.ports(i);
    const Path list = path.Field("ports");
    const Path at = list.At(i);
    if (!names.insert(port.name()).second) {
      checker->Fail(at.Field("name"),
                    absl::StrCat("\"", port.name(), "\" is the name of another port"));
    }
    if (!numbers.insert(port.number()).second) {
      checker->Fail(at.Field("number"),
                    absl::StrCat(port.number(), " is the number of another port"));
    }
    checker->Check(at.Field("name"), CheckPortName(port.name()));
    if (!port.protocol().empty()) {
      checker->Check(at.Field("protocol"), CheckProtocol(port.protocol()));
    }
    checker->Check(at.Field("number"), CheckPort(port.number()));
    if (port.target_port() != 0) {
      checker->Check(at.Field("targetPort"), CheckPort(port.target_port()));
    }
    can_tell_hosts_apart =
        can_tell_hosts_apart && (IsHttpProtocol(port.protocol()) || IsTlsProtocol(port.protocol()));
  }

  switch (entry.resolution()) {
    case net::ServiceEntry::NONE:
      if (!entry.endpoints().empty()) {
        checker->Fail(path.Field("endpoints"),
                      "resolution NONE goes where the client dialled; use STATIC or DNS");
      }
      break;
    case net::ServiceEntry::STATIC:
      CheckStaticEndpoints(checker, path, entry, names);
      break;
    case net::ServiceEntry::DYNAMIC_DNS:
      CheckDynamicDns(checker, path, entry);
      break;
    default:
      if (entry.resolution() == net::ServiceEntry::DNS_ROUND_ROBIN && entry.endpoints_size() > 1) {
        checker->Fail(path.Field("endpoints"),
                      "DNS_ROUND_ROBIN asks for one name; give one endpoint, or use DNS");
      }
      CheckDnsEndpoints(checker, path, entry, names);
      break;
  }
  if (entry.hosts_size() > 1 && entry.resolution() != net::ServiceEntry::NONE &&
      !can_tell_hosts_apart) {
    checker->Fail(path.Field("hosts"),
                  "several hosts cannot be told apart on a port that is neither HTTP nor TLS; "
                  "write one ServiceEntry for each");
  }
  CheckExportTo(checker, path.Field("exportTo"), entry.export_to(), true);
}

void CheckWorkloadEntry(Checker* checker, const Path& path, const net::WorkloadEntry& entry) {
  if (entry.address().empty()) checker->Fail(path, "address is missing");
  if (absl::StartsWith(entry.address(), kUnix)) {
    checker->Check(path.Field("address"),
                   CheckUnixAddress(entry.address().substr(sizeof(kUnix) - 1)));
    if (!entry.ports().empty()) checker->Fail(path.Field("ports"), "a unix address has none");
  }
  CheckLabels(checker, path.Field("labels"), entry.labels());
}

void CheckWorkloadGroup(Checker* checker, const Path& path, const net::WorkloadGroup& group) {
  if (!group.has_template_()) {
    checker->Fail(path, "template is missing");
    return;
  }
  CheckLabels(checker, path.Field("metadata").Field("labels"), group.metadata().labels());
  if (group.has_probe()) CheckProbe(checker, path.Field("probe"), group.probe());
}

}  // namespace mesh::config
