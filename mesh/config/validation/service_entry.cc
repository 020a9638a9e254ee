#include <set>

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
    default:
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
  CheckLabels(checker, path.Field("template").Field("labels"), group.template_().labels());
  CheckLabels(checker, path.Field("metadata").Field("labels"), group.metadata().labels());
}

}  // namespace mesh::config
