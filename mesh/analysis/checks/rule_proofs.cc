// Rules that no request can reach, proven: those of one VirtualService, and those that another
// VirtualService on the same host of a gateway takes all requests from.
//
// 1. A VirtualService's rules become a route table as a proxy would have it, once for each port and
//    gateway that its conditions tell apart.
// 2. The proofs of mesh/route/proof say of each route whether a request reaches it. A rule counts
// as
//    unreachable where none of its routes is reached in any table that has them.
// 3. Gateways merge the rules of several VirtualServices for one host, the oldest first: the same
//    proofs over the merged rules say who is in whose way.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "mesh/envoy/route.h"
#include "mesh/route/proof/reachability.h"
#include "mesh/translate/findings.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
namespace proof = ::mesh::route::proof;
using config::Kind;
using net::HTTPMatchRequest;
using net::StringMatch;
using translate::Origin;

// More VirtualServices on one host of one gateway are not compared.
constexpr size_t kMostMerged = 200;

// Whether all paths that `narrow` takes may be taken by `wide`, other conditions aside.
bool MayCover(const HTTPMatchRequest* wide, const HTTPMatchRequest* narrow) {
  static const HTTPMatchRequest kAny;
  const HTTPMatchRequest& a = wide == nullptr ? kAny : *wide;
  const HTTPMatchRequest& b = narrow == nullptr ? kAny : *narrow;
  const bool regex = b.uri().match_type_case() == StringMatch::kRegex;
  if (a.ignore_uri_case() || b.ignore_uri_case()) return true;
  switch (a.uri().match_type_case()) {
    case StringMatch::kPrefix:
      if (a.uri().prefix() == "/" || regex) return true;
      return absl::StartsWith(
          b.uri().match_type_case() == StringMatch::kExact ? b.uri().exact() : b.uri().prefix(),
          a.uri().prefix());
    case StringMatch::kExact:
      return regex || (b.uri().match_type_case() == StringMatch::kExact &&
                       b.uri().exact() == a.uri().exact());
    default:
      return true;
  }
}

// Whether it is worth while to look at the rules: some path may be hidden behind one before it.
bool MayHide(const std::vector<const HTTPMatchRequest*>& matches) {
  if (matches.size() > 64) return true;
  for (size_t j = 1; j < matches.size(); ++j) {
    for (size_t i = 0; i < j; ++i) {
      if (MayCover(matches[i], matches[j])) return true;
    }
  }
  return false;
}

void AddMatches(const net::VirtualService& spec, std::vector<const HTTPMatchRequest*>* matches) {
  for (const auto& rule : spec.http()) {
    if (rule.has_delegate()) matches->insert(matches->end(), {nullptr, nullptr});
    if (rule.match().empty()) matches->push_back(nullptr);
    for (const auto& match : rule.match()) matches->push_back(&match);
  }
}

// "spec.http[1]" of "spec.http[1].match[0]".
std::string RuleOf(const std::string& field) { return field.substr(0, field.find(".match[")); }

// What the proofs say of one route, over all tables that have it.
struct Verdict {
  Origin origin;
  bool unreachable = true;
  std::vector<Origin> hidden_by;
};
// By object and field.
using Verdicts = std::map<std::pair<std::string, std::string>, Verdict>;

class Prover {
 public:
  Prover(const Facts& facts, Findings* findings)
      : facts_(facts),
        findings_(findings),
        rules_(facts.rules_world()),
        steps_(facts.options().proof_steps) {}

  void CheckOne(const config::Resource& service) {
    const auto& spec = service.As<net::VirtualService>();
    std::vector<const HTTPMatchRequest*> matches;
    AddMatches(spec, &matches);
    if (matches.size() < 2 || !MayHide(matches)) return;
    std::set<uint32_t> ports = {0};
    bool by_gateway = false;
    for (const HTTPMatchRequest* match : matches) {
      if (match == nullptr) continue;
      if (match->port() != 0) ports.insert(match->port());
      by_gateway = by_gateway || !match->gateways().empty();
    }
    std::vector<std::string> gateways;
    for (const std::string& gateway : spec.gateways()) {
      gateways.push_back(FullGateway(service.ns(), gateway));
    }
    if (gateways.empty()) gateways.push_back("mesh");
    if (!by_gateway) gateways.resize(1);
    Verdicts verdicts;
    for (const std::string& gateway : gateways) {
      for (uint32_t port : ports) Prove({&service}, gateway, port, &verdicts);
    }
    ReportOne(spec, verdicts);
  }

  void CheckMerged(const std::string& gateway, const std::string& host,
                   const std::vector<const config::Resource*>& services) {
    std::vector<const HTTPMatchRequest*> matches;
    for (const config::Resource* service : services) {
      AddMatches(service->As<net::VirtualService>(), &matches);
    }
    if (services.size() > kMostMerged || !MayHide(matches)) return;
    Verdicts verdicts;
    Prove(services, gateway, 0, &verdicts);
    for (const auto& [key, verdict] : verdicts) {
      if (!verdict.unreachable) continue;
      const Origin* other = nullptr;
      for (const Origin& by : verdict.hidden_by) {
        if (by.object != verdict.origin.object) other = &by;
      }
      if (other == nullptr) continue;
      ReportAt("MSH0120", verdict.origin, verdict.origin.field,
               absl::StrCat("no request for ", host, " reaches the rule at gateway ", gateway,
                            ", where the rules of several VirtualServices are merged, the oldest "
                            "first: ",
                            Text(*other), " takes them"),
               "merge the VirtualServices into one, in the order that is meant");
    }
  }

 private:
  void Prove(const std::vector<const config::Resource*>& services, const std::string& gateway,
             uint32_t port, Verdicts* verdicts) {
    if (steps_ <= 0) return;
    const translate::Rules::Set set = rules_.Of(services, gateway, port);
    const int64_t routes = set.origins.size();
    if (routes < 2) {
      for (const Origin& origin : set.origins) Reached(origin, verdicts);
      return;
    }
    envoy::RouteOptions load;
    load.isolate_errors = true;
    const envoy::LoadedRoutes loaded = envoy::LoadRouteConfig(set.routes, load);
    if (loaded.config == nullptr) return;
    proof::Options options;
    options.steps_per_rule = steps_;
    options.steps = 20 * steps_;
    const auto proofs = proof::ProveRules(*loaded.config->table, options);
    if (!proofs.ok()) return;
    const auto origin_of = [&](const proof::RuleReference& rule) -> const Origin* {
      return rule.rule != nullptr && rule.rule->id < set.origins.size()
                 ? &set.origins[rule.rule->id]
                 : nullptr;
    };
    for (const proof::RuleProof& one : *proofs) {
      const Origin* origin = origin_of(one.rule);
      if (origin == nullptr) continue;
      if (one.verdict != proof::Verdict::kUnreachable) {
        Reached(*origin, verdicts);
        continue;
      }
      Verdict& verdict = (*verdicts)[{origin->object, origin->field}];
      verdict.origin = *origin;
      verdict.hidden_by.clear();
      for (const proof::RuleReference& by : one.hidden_by) {
        if (const Origin* hiding = origin_of(by)) verdict.hidden_by.push_back(*hiding);
      }
    }
  }

  static void Reached(const Origin& origin, Verdicts* verdicts) {
    Verdict& verdict = (*verdicts)[{origin.object, origin.field}];
    verdict.origin = origin;
    verdict.unreachable = false;
  }

  void ReportOne(const net::VirtualService& spec, const Verdicts& verdicts) {
    std::map<std::pair<std::string, std::string>, std::vector<const Verdict*>> by_rule;
    for (const auto& [key, verdict] : verdicts) {
      by_rule[{key.first, RuleOf(key.second)}].push_back(&verdict);
    }
    for (const auto& entry : by_rule) {
      const auto& rule = entry.first;
      const auto& members = entry.second;
      const bool whole = std::all_of(members.begin(), members.end(),
                                     [](const Verdict* v) { return v->unreachable; }) &&
                         !DependsOnProxy(spec, rule.second);
      if (whole) {
        std::set<std::string> by;
        for (const Verdict* verdict : members) {
          for (const Origin& hiding : verdict->hidden_by) {
            if (RuleOf(hiding.field) != rule.second || hiding.object != rule.first) {
              by.insert(Text(hiding));
            }
          }
        }
        ReportAt("MSH0121", members.front()->origin, rule.second,
                 by.empty()
                     ? std::string("no request can reach the rule: its conditions exclude "
                                   "each other")
                     : absl::StrCat("no request can reach the rule: ", absl::StrJoin(by, " and "),
                                    by.size() == 1 ? " takes" : " take", " all of them"),
                 "put it before the rule that hides it, or delete it");
        continue;
      }
      for (const Verdict* verdict : members) {
        if (!verdict->unreachable || verdict->hidden_by.empty()) continue;
        const bool by_own = std::all_of(
            verdict->hidden_by.begin(), verdict->hidden_by.end(), [&](const Origin& hiding) {
              return hiding.object == rule.first && RuleOf(hiding.field) == rule.second;
            });
        if (by_own) continue;  // the rule gets the requests all the same
        std::set<std::string> by;
        for (const Origin& hiding : verdict->hidden_by) by.insert(Text(hiding));
        ReportAt("MSH0121", verdict->origin, verdict->origin.field,
                 absl::StrCat("no request can reach this match: ", absl::StrJoin(by, " and "),
                              by.size() == 1 ? " takes" : " take", " all of them"),
                 "put the rule before the one that hides it, or delete the match");
      }
    }
  }

  // Whether the rule has conditions that only some proxies' tables hold.
  static bool DependsOnProxy(const net::VirtualService& spec, const std::string& rule) {
    for (int i = 0; i < spec.http_size(); ++i) {
      if (config::IndexPath("spec.http", i) != rule) continue;
      return std::any_of(spec.http(i).match().begin(), spec.http(i).match().end(),
                         [](const HTTPMatchRequest& match) {
                           return !match.source_labels().empty() ||
                                  !match.source_namespace().empty();
                         });
    }
    return false;
  }

  static std::string Text(const Origin& origin) {
    const std::string position = origin.position.ToString();
    return absl::StrCat(origin.object, " ", origin.field,
                        position.empty() ? "" : absl::StrCat(" (", position, ")"));
  }

  void ReportAt(std::string_view code, const Origin& origin, const std::string& field,
                std::string message, std::string remedy) {
    const size_t space = origin.object.find(' ');
    const size_t slash = origin.object.find('/', space);
    if (space == std::string::npos || slash == std::string::npos) return;
    const config::ResourcePtr object = facts_.snapshot().Find(
        Kind::kVirtualService, origin.object.substr(space + 1, slash - space - 1),
        origin.object.substr(slash + 1));
    if (object == nullptr) return;
    Report(code, *object, field, std::move(message), std::move(remedy), findings_);
  }

  const Facts& facts_;
  Findings* findings_;
  const translate::Rules rules_;
  const int64_t steps_;
};

}  // namespace

void CheckRuleProofs(const Facts& facts, Findings* findings) {
  const auto services = facts.snapshot().List(Kind::kVirtualService);
  if (services.empty()) return;
  Prover prover(facts, findings);
  std::map<std::pair<std::string, std::string>, std::vector<const config::Resource*>> shared;
  for (const config::ResourcePtr& service : services) {
    prover.CheckOne(*service);
    const auto& spec = service->As<net::VirtualService>();
    for (const std::string& gateway : spec.gateways()) {
      if (gateway == "mesh") continue;
      for (const std::string& host : spec.hosts()) {
        auto& claims = shared[{FullGateway(service->ns(), gateway), FullHost(service->ns(), host)}];
        if (claims.empty() || claims.back() != service.get()) claims.push_back(service.get());
      }
    }
  }
  for (const auto& [place, claims] : shared) {
    if (claims.size() < 2) continue;
    const auto& [gateway, host] = place;
    std::string names;
    for (size_t i = 0; i < std::min<size_t>(5, claims.size()); ++i) {
      absl::StrAppend(&names, i == 0 ? "" : ", ", claims[i]->ns(), "/", claims[i]->name());
    }
    if (claims.size() > 5) absl::StrAppend(&names, " and ", claims.size() - 5, " more");
    for (const config::Resource* service : claims) {
      const auto& hosts = service->As<net::VirtualService>().hosts();
      int index = 0;
      while (index + 1 < hosts.size() && FullHost(service->ns(), hosts[index]) != host) ++index;
      Report("MSH0122", *service, config::IndexPath("spec.hosts", index),
             absl::StrCat("several VirtualServices have the host ", host, " at gateway ", gateway,
                          ": ", names, "; their rules become one list, the oldest object first"),
             "merge them, or give them different hosts, where the order matters", findings);
    }
    prover.CheckMerged(gateway, host, claims);
  }
}

}  // namespace mesh::analysis
