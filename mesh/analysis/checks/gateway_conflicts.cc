// Gateways that stand in one another's way on the same workload: the same port and host, the same
// certificate.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

using config::IndexPath;
using config::Kind;
using istio::networking::v1alpha3::Gateway;
using istio::networking::v1alpha3::ServerTLSSettings;

std::string NameOf(const config::Resource& object) { return object.ns() + "/" + object.name(); }

// "namespace/host", "." written out.
std::string FullHostOf(const config::Resource& gateway, const std::string& host) {
  const size_t slash = host.find('/');
  if (slash == std::string::npos) return "*/" + host;
  return host.substr(0, slash) == "." ? gateway.ns() + host.substr(slash) : host;
}

// As a person would write it: for everybody without a namespace.
std::string HostOf(const std::string& host) {
  return host.compare(0, 2, "*/") == 0 ? host.substr(2) : host;
}

struct Server {
  const config::Resource* gateway;
  int index;
};
// The servers of a group that stand on the same port and host, by the selector of their gateway.
using BySelector = std::map<Labels, std::vector<Server>>;

// At most so many are named.
constexpr size_t kMostNamed = 5;

// "a, b and 3 more": the gateways of these servers but one.
std::string Others(const std::vector<const std::vector<Server>*>& groups,
                   const config::Resource* own) {
  std::vector<std::string> names;
  size_t more = 0;
  const config::Resource* last = nullptr;
  for (const std::vector<Server>* group : groups) {
    for (const Server& server : *group) {
      if (server.gateway == own || server.gateway == last) continue;
      last = server.gateway;
      if (names.size() < kMostNamed) {
        names.push_back(NameOf(*server.gateway));
      } else {
        ++more;
      }
    }
  }
  std::sort(names.begin(), names.end());
  std::string text = absl::StrJoin(names, ", ");
  if (more > 0) absl::StrAppend(&text, " and ", more, " more");
  return text;
}

// Whether two selectors select a common workload: one of the input has the labels of both.
bool Meet(const Facts& facts, const Labels& one, const Labels& two) {
  if (one == two) return true;
  Labels both = one;
  for (const auto& [name, value] : two) {
    const auto [label, added] = both.emplace(name, value);
    if (!added && label->second != value) return false;
  }
  return !facts.Select("*", both).empty();
}

// The names of a server's certificate; empty where it has none.
std::string CertificateOf(const ServerTLSSettings& tls) {
  if (!tls.credential_name().empty()) return "secret\n" + tls.credential_name();
  if (tls.server_certificate().empty() || tls.private_key().empty()) return "";
  return "file\n" + tls.server_certificate() + "\n" + tls.private_key();
}

}  // namespace

void CheckGatewayConflicts(const Facts& facts, Findings* findings) {
  std::map<std::tuple<uint32_t, std::string, std::string>, BySelector> claims;
  for (const config::ResourcePtr& gateway : facts.snapshot().List(Kind::kGateway)) {
    const auto& spec = gateway->As<Gateway>();
    const Labels selector = ToLabels(spec.selector());
    for (int i = 0; i < spec.servers_size(); ++i) {
      if (!spec.servers(i).has_port()) continue;
      for (const std::string& host : spec.servers(i).hosts()) {
        claims[{spec.servers(i).port().number(), spec.servers(i).bind(),
                FullHostOf(*gateway, host)}][selector]
            .push_back({gateway.get(), i});
      }
    }
  }
  std::set<std::pair<const config::Resource*, int>> said;
  for (const auto& [claim, by_selector] : claims) {
    for (const auto& [selector, servers] : by_selector) {
      std::vector<const std::vector<Server>*> met;
      for (const auto& [other, group] : by_selector) {
        if (Meet(facts, selector, other)) met.push_back(&group);
      }
      for (const Server& server : servers) {
        const std::string others = Others(met, server.gateway);
        if (others.empty() || !said.emplace(server.gateway, server.index).second) continue;
        const auto& spec = server.gateway->As<Gateway>().servers(server.index);
        Report("IST0145", *server.gateway, IndexPath("spec.servers", server.index) + ".hosts",
               absl::StrCat(
                   "port ", spec.port().number(), " and the host ", HostOf(std::get<2>(claim)),
                   " are those of a server of other gateways of the same workload: ", others),
               "keep the server in one Gateway, and bind all VirtualServices to that", findings);
      }
    }
  }
}

void CheckGatewayCertificates(const Facts& facts, Findings* findings) {
  std::map<std::string, BySelector> users;
  for (const config::ResourcePtr& gateway : facts.snapshot().List(Kind::kGateway)) {
    const auto& spec = gateway->As<Gateway>();
    for (int i = 0; i < spec.servers_size(); ++i) {
      const std::string certificate = CertificateOf(spec.servers(i).tls());
      if (certificate.empty()) continue;
      users[certificate][ToLabels(spec.selector())].push_back({gateway.get(), i});
    }
  }
  std::set<const config::Resource*> said;
  for (const auto& [certificate, by_selector] : users) {
    for (const auto& [selector, servers] : by_selector) {
      // As Istio has it: the other gateway is on no workload that this one is not on.
      std::vector<const std::vector<Server>*> within;
      for (const auto& [other, group] : by_selector) {
        if (std::includes(other.begin(), other.end(), selector.begin(), selector.end())) {
          within.push_back(&group);
        }
      }
      for (const Server& server : servers) {
        const std::string others = Others(within, server.gateway);
        if (others.empty() || !said.insert(server.gateway).second) continue;
        Report("IST0138", *server.gateway, IndexPath("spec.servers", server.index) + ".tls",
               absl::StrCat("other gateways serve with the same certificate: ", others,
                            "; a client that reuses its HTTP/2 connection for another host gets "
                            "404"),
               "serve all hosts of a certificate in one Gateway", findings);
      }
    }
  }
}

}  // namespace mesh::analysis
