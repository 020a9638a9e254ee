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

// The gateways of some servers, of which each is asked for the others.
class Gateways {
 public:
  // Those of one gateway come one after the other, and a gateway comes in one group alone.
  void Add(const std::vector<Server>& group) {
    for (const Server& server : group) {
      if (server.gateway == last_) continue;
      last_ = server.gateway;
      ++count_;
      if (first_.size() <= kMostNamed) first_.push_back(server.gateway);
    }
  }

  // "a, b and 3 more", without one that is among them; empty: there are no others. Cost: O(1).
  std::string Others(const config::Resource* own) const {
    std::vector<std::string> names;
    for (const config::Resource* gateway : first_) {
      if (gateway != own && names.size() < kMostNamed) names.push_back(NameOf(*gateway));
    }
    const size_t more = count_ - 1 - names.size();
    std::sort(names.begin(), names.end());
    std::string text = absl::StrJoin(names, ", ");
    if (more > 0) absl::StrAppend(&text, " and ", more, " more");
    return text;
  }

 private:
  std::vector<const config::Resource*> first_;
  const config::Resource* last_ = nullptr;
  size_t count_ = 0;
};

struct ByLabels {
  bool operator()(const BySelector::value_type* a, const BySelector::value_type* b) const {
    return a->first < b->first;
  }
};
using Groups = std::set<const BySelector::value_type*, ByLabels>;

// Of each group those whose selectors select a workload with its own, itself among them.
std::map<const BySelector::value_type*, Groups> Meetings(const Facts& facts,
                                                         const BySelector& by_selector) {
  std::map<const BySelector::value_type*, Groups> met;
  std::map<size_t, std::vector<const BySelector::value_type*>> of_workload;
  for (const BySelector::value_type& group : by_selector) {
    met[&group].insert(&group);
    if (by_selector.size() == 1) return met;
    for (size_t workload : facts.Select("*", group.first)) of_workload[workload].push_back(&group);
  }
  for (const auto& [workload, groups] : of_workload) {
    for (const auto* group : groups) met[group].insert(groups.begin(), groups.end());
  }
  return met;
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
    for (const auto& [group, groups] : Meetings(facts, by_selector)) {
      Gateways gateways;
      for (const auto* met : groups) gateways.Add(met->second);
      for (const Server& server : group->second) {
        const std::string others = gateways.Others(server.gateway);
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
      Gateways within;
      for (const auto& [other, group] : by_selector) {
        if (std::includes(other.begin(), other.end(), selector.begin(), selector.end())) {
          within.Add(group);
        }
      }
      for (const Server& server : servers) {
        const std::string others = within.Others(server.gateway);
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
