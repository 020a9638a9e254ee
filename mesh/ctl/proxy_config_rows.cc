#include "mesh/ctl/proxy_config_rows.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

// What is at the end of a path of keys; null where there is nothing.
const Json& At(const Json& json, std::initializer_list<const char*> keys) {
  static const Json& nothing = *new Json(nullptr);
  const Json* at = &json;
  for (const char* key : keys) {
    if (!at->is_object()) return nothing;
    const auto it = at->find(key);
    if (it == at->end()) return nothing;
    at = &*it;
  }
  return *at;
}

// A string as it is, a number in digits, "" for everything else.
std::string Word(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  return json.is_number() ? json.dump() : std::string();
}
std::string Word(const Json& json, std::initializer_list<const char*> keys) {
  return Word(At(json, keys));
}

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

// "/apis/networking.istio.io/v1alpha3/namespaces/default/virtual-service/reviews" -> what istioctl
// shows, "reviews.default".
std::string ConfigName(const Json& resource) {
  const std::string path = Word(resource, {"metadata", "filterMetadata", "istio", "config"});
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() < 3) return "";
  return absl::StrCat(parts.back(), ".", parts[parts.size() - 3]);
}

std::string Words(const Json& list, const char* separator) {
  std::vector<std::string> words;
  for (const Json& one : list) words.push_back(Word(one));
  return absl::StrJoin(words, separator);
}

std::string ChainMatch(const Json& match) {
  std::vector<std::string> parts;
  const auto add = [&parts](const char* title, const std::string& text) {
    if (!text.empty()) parts.push_back(absl::StrCat(title, ": ", text));
  };
  add("SNI", Words(At(match, {"serverNames"}), ","));
  add("Trans", Word(match, {"transportProtocol"}));
  add("App", Words(At(match, {"applicationProtocols"}), ","));
  std::vector<std::string> ranges;
  for (const Json& range : At(match, {"prefixRanges"})) {
    ranges.push_back(
        absl::StrCat(Word(range, {"addressPrefix"}), "/", OrDash(Word(range, {"prefixLen"}))));
  }
  add("Addr", absl::StrJoin(ranges, ","));
  add("Port", Word(match, {"destinationPort"}));
  return parts.empty() ? "ALL" : absl::StrJoin(parts, "; ");
}

std::string ChainDestination(const Json& chain) {
  for (const Json& filter : At(chain, {"filters"})) {
    const Json& config = At(filter, {"typedConfig"});
    const std::string type = Word(config, {"@type"});
    if (absl::EndsWith(type, ".HttpConnectionManager")) {
      const std::string name = Word(config, {"rds", "routeConfigName"});
      if (!name.empty()) return "Route: " + name;
      std::vector<std::string> clusters;
      for (const Json& host : At(config, {"routeConfig", "virtualHosts"})) {
        for (const Json& route : At(host, {"routes"})) {
          const std::string cluster = Word(route, {"route", "cluster"});
          if (!cluster.empty()) clusters.push_back(cluster);
        }
      }
      if (clusters.size() == 1) return "Cluster: " + clusters[0];
      return "Inline Route: " + OrDash(Word(config, {"routeConfig", "name"}));
    }
    if (absl::EndsWith(type, ".TcpProxy")) {
      const std::string cluster = Word(config, {"cluster"});
      if (!cluster.empty()) return "Cluster: " + cluster;
      std::vector<std::string> clusters;
      for (const Json& one : At(config, {"weightedClusters", "clusters"})) {
        clusters.push_back(Word(one, {"name"}));
      }
      return "Clusters: " + OrDash(absl::StrJoin(clusters, ", "));
    }
  }
  return "Non-HTTP/Non-TCP";
}

std::string PathMatch(const Json& match) {
  const std::string prefix = Word(match, {"prefix"});
  if (!prefix.empty()) return prefix + "*";
  const std::string separated = Word(match, {"pathSeparatedPrefix"});
  if (!separated.empty()) return separated + "/*";
  const std::string regex = Word(match, {"safeRegex", "regex"});
  if (!regex.empty()) return "regex " + regex;
  return OrDash(Word(match, {"path"}));
}

// As istioctl says it: the shortest domain stands for the others, which differ in their port and in
// how much of the cluster's domain they spell out.
std::string Domains(const Json& host) {
  std::vector<std::string> names;
  for (const Json& domain : At(host, {"domains"})) {
    const std::string name = Word(domain);
    const std::string bare = name.substr(0, name.find(':'));
    bool known = false;
    for (const std::string& other : names) {
      known = known || bare == other || absl::StartsWith(bare, other + ".");
    }
    if (!known && !bare.empty()) names.push_back(bare);
  }
  std::vector<std::string> kept;
  for (const std::string& name : names) {
    bool longer = false;
    for (const std::string& other : names) {
      longer = longer || (other != name && absl::StartsWith(name, other + "."));
    }
    if (!longer) kept.push_back(name);
  }
  return absl::StrJoin(kept, ", ");
}

}  // namespace

ProxyDump ReadProxyDump(const Json& page) {
  ProxyDump dump;
  for (const Json& config : At(page, {"configs"})) {
    for (const Json& one : At(config, {"dynamicListeners"})) {
      dump.listeners.push_back(At(one, {"activeState", "listener"}));
    }
    for (const Json& one : At(config, {"dynamicActiveClusters"})) {
      dump.clusters.push_back(At(one, {"cluster"}));
    }
    for (const Json& one : At(config, {"dynamicRouteConfigs"})) {
      dump.routes.push_back(At(one, {"routeConfig"}));
    }
    for (const Json& one : At(config, {"dynamicEndpointConfigs"})) {
      dump.endpoints.push_back(At(one, {"endpointConfig"}));
    }
  }
  return dump;
}

Json AllAssignments(const ProxyDump& dump) {
  Json all = dump.endpoints;
  for (const Json& cluster : dump.clusters) {
    Json assignment = At(cluster, {"loadAssignment"});
    if (!assignment.is_object()) continue;
    if (!assignment.contains("clusterName")) assignment["clusterName"] = Word(cluster, {"name"});
    all.push_back(std::move(assignment));
  }
  return all;
}

void AddListenerRows(const Json& listener, Table* table) {
  const Json& address = At(listener, {"address", "socketAddress"});
  const std::string host = OrDash(Word(address, {"address"}));
  const std::string port = OrDash(Word(address, {"portValue"}));
  for (const Json& chain : At(listener, {"filterChains"})) {
    table->Add({host, port, ChainMatch(At(chain, {"filterChainMatch"})), ChainDestination(chain)});
  }
  const Json& fallback = At(listener, {"defaultFilterChain"});
  if (fallback.is_object()) table->Add({host, port, "ALL", ChainDestination(fallback)});
}

void AddClusterRows(const Json& cluster, Table* table) {
  const std::string name = Word(cluster, {"name"});
  const std::vector<std::string> parts = absl::StrSplit(name, '|');
  // An absent type is the first of the enumeration.
  std::string type = Word(cluster, {"type"});
  if (type.empty()) type = OrDash(Word(cluster, {"clusterType", "name"}));
  if (type == "-") type = "STATIC";
  if (parts.size() == 4) {
    table->Add({OrDash(parts[3]), OrDash(parts[1]), OrDash(parts[2]), OrDash(parts[0]), type,
                ConfigName(cluster)});
  } else {
    table->Add({name, "-", "-", "-", type, ConfigName(cluster)});
  }
}

void AddRouteRows(const Json& route, Table* table) {
  const std::string name = Word(route, {"name"});
  for (const Json& host : At(route, {"virtualHosts"})) {
    const std::string domains = Domains(host);
    for (const Json& one : At(host, {"routes"})) {
      table->Add({name, domains, PathMatch(At(one, {"match"})), ConfigName(one)});
    }
    if (At(host, {"routes"}).empty()) table->Add({name, domains, "-", "404"});
  }
}

void AddEndpointRows(const Json& assignment, Table* table) {
  const std::string cluster = Word(assignment, {"clusterName"});
  for (const Json& locality : At(assignment, {"endpoints"})) {
    for (const Json& one : At(locality, {"lbEndpoints"})) {
      const Json& address = At(one, {"endpoint", "address"});
      std::string text = Word(address, {"pipe", "path"});
      if (text.empty()) {
        text = absl::StrCat(Word(address, {"socketAddress", "address"}), ":",
                            OrDash(Word(address, {"socketAddress", "portValue"})));
      } else {
        text = "unix://" + text;
      }
      std::string status = Word(one, {"healthStatus"});
      if (status.empty() || status == "UNKNOWN") status = "HEALTHY";  // as Envoy takes it
      table->Add(
          {text, Cell(status, status == "HEALTHY" ? Tint::kGood : Tint::kBad), "-", cluster});
    }
  }
}

}  // namespace mesh::ctl
