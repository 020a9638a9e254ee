#include "mesh/discovery/pages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/content_hash.h"
#include "mesh/config/kind.h"
#include "mesh/config/resource.h"
#include "mesh/discovery/rejection.h"
#include "mesh/discovery/views.h"
#include "nlohmann/json.hpp"

namespace mesh::discovery {
namespace {

using Json = nlohmann::ordered_json;
using xds::PeerStatus;
using xds::Type;
using xds::TypeStatus;

std::string Text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Text(absl::Time time) {
  return time == absl::InfinitePast()
             ? ""
             : absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

Json Parse(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(nullptr) : json;
}

// Where each type's resources stand in Envoy's config_dump.
struct DumpForm {
  Type type;
  const char* message;
  const char* list;
  const char* resource;
};
constexpr DumpForm kDumpForms[] = {
    {Type::kCluster, "ClustersConfigDump", "dynamicActiveClusters", "cluster"},
    {Type::kListener, "ListenersConfigDump", "dynamicListeners", "listener"},
    {Type::kRoute, "RoutesConfigDump", "dynamicRouteConfigs", "routeConfig"},
    {Type::kEndpoint, "EndpointsConfigDump", "dynamicEndpointConfigs", "endpointConfig"},
};

Json DumpOf(const DumpForm& form, const xds::Sent& sent) {
  Json dump = {
      {"@type", absl::StrCat("type.googleapis.com/envoy.admin.v3.", form.message)},
  };
  if (form.type == Type::kCluster || form.type == Type::kListener) {
    dump["versionInfo"] = sent.version;
  }
  Json& list = dump[form.list] = Json::array();
  for (const xds::EncodedResourcePtr& resource : sent.resources) {
    const auto text = translate::ResourceToJson(TranslatedOf(*resource), /*indent=*/false);
    Json state = {{"versionInfo", sent.version},
                  {form.resource, text.ok() ? Parse(*text) : Json(nullptr)}};
    if (form.type == Type::kListener) {
      state = {{"name", resource->name()}, {"activeState", std::move(state)}};
    }
    list.push_back(std::move(state));
  }
  return dump;
}

// What may be shown of a Secret.
Json SecretSpec(const kubernetes::v1::Secret& secret) {
  Json keys = Json::array();
  for (const auto* data : {&secret.data(), &secret.string_data()}) {
    std::vector<std::string> names;
    for (const auto& [key, value] : *data) names.push_back(key);
    std::sort(names.begin(), names.end());
    for (std::string& name : names) keys.push_back(std::move(name));
  }
  return {{"type", secret.type()}, {"keys", std::move(keys)}};
}

}  // namespace

std::string ProxyName(const envoy::config::core::v3::Node& node) {
  const std::vector<std::string> parts = absl::StrSplit(node.id(), '~');
  return parts.size() == 4 ? parts[2] : node.id();
}

std::string SynczPage(const std::vector<PeerStatus>& peers, const LastSent& sent,
                      std::string_view meshd) {
  std::vector<std::pair<std::string, Json>> rows;
  for (const PeerStatus& peer : peers) {
    const std::string proxy = ProxyName(peer.peer.node);
    Json row = {{"proxy", proxy}};
    for (Type type : {Type::kCluster, Type::kListener, Type::kEndpoint, Type::kRoute}) {
      row[std::string(xds::ShortName(type))] = xds::SyncStateName(peer.of(type).state);
    }
    std::vector<std::string> reasons;
    std::string versions;
    Json types = Json::object();
    for (const TypeStatus& type : peer.types) {
      const std::string name(xds::ShortName(type.type));
      if (type.state == xds::SyncState::kNacked) {
        std::string reason = absl::StrCat(name, ": ", type.reason);
        const std::string blame =
            BlameFor(type.reason, sent(peer.peer.node.id(), type.type).resources);
        if (!blame.empty()) absl::StrAppend(&reason, " [", blame, "]");
        reasons.push_back(std::move(reason));
      }
      absl::StrAppend(&versions, type.version, ";");
      types[name] = {{"version", type.version},
                     {"acknowledged", type.acknowledged},
                     {"resources", type.resources}};
    }
    row["reason"] = absl::StrJoin(reasons, "; ");
    row["version"] = peer.generation == 0 ? "" : ContentHash(versions).substr(0, 12);
    row["meshd"] = meshd;
    row["in_sync"] = peer.in_sync;
    row["generation"] = peer.generation;
    row["acknowledged_generation"] = peer.acknowledged_generation;
    row["types"] = std::move(types);
    rows.emplace_back(proxy, std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Json page = Json::array();
  for (auto& [proxy, row] : rows) page.push_back(std::move(row));
  return Text(page);
}

bool ConfigDumpPage(const std::vector<PeerStatus>& peers, const LastSent& sent,
                    std::string_view proxy, std::string* page) {
  std::vector<std::string> connected;
  for (const PeerStatus& peer : peers) {
    const std::string name = ProxyName(peer.peer.node);
    if (name != proxy) {
      connected.push_back(name);
      continue;
    }
    Json configs = Json::array();
    for (const DumpForm& form : kDumpForms) {
      configs.push_back(DumpOf(form, sent(peer.peer.node.id(), form.type)));
    }
    *page = Text(Json{{"configs", std::move(configs)}});
    return true;
  }
  std::sort(connected.begin(), connected.end());
  *page = absl::StrCat(
      proxy.empty() ? "add ?proxyID=POD.NAMESPACE"
                    : absl::StrCat("no proxy \"", std::string(proxy), "\" is connected"),
      "; connected are: ", connected.empty() ? "none" : absl::StrJoin(connected, " "), "\n");
  return false;
}

std::string ConnectionsPage(const std::vector<PeerStatus>& peers) {
  Json page = Json::array();
  for (const PeerStatus& peer : peers) {
    page.push_back({{"proxy", ProxyName(peer.peer.node)},
                    {"node", peer.peer.node.id()},
                    {"address", peer.peer.address},
                    {"connected_since", Text(peer.peer.connected_since)}});
  }
  return Text(page);
}

std::string ConfigPage(const config::Snapshot& snapshot) {
  Json page = Json::array();
  for (const config::KindInfo& info : config::AllKinds()) {
    for (const config::ResourcePtr& resource : snapshot.List(info.kind)) {
      std::string spec;
      if (info.kind == config::Kind::kSecret) {
        spec = SecretSpec(resource->As<kubernetes::v1::Secret>()).dump();
      } else if (!google::protobuf::util::MessageToJsonString(resource->spec(), &spec).ok())
        spec = "{}";
      const SourcePosition& position = resource->position();
      page.push_back({{"kind", info.name},
                      {"apiVersion", resource->api_version()},
                      {"namespace", resource->ns()},
                      {"name", resource->name()},
                      {"file", position.file == nullptr ? "" : *position.file},
                      {"line", position.line},
                      {"spec", Parse(spec)}});
    }
  }
  return Text(page);
}

std::string RegistryPage(const registry::Registry& registry) {
  Json page = Json::array();
  for (const registry::ServicePtr& service : registry.services()) {
    Json ports = Json::array();
    for (const registry::Port& port : service->ports) {
      ports.push_back({{"name", port.name}, {"port", port.number}});
    }
    page.push_back({{"hostname", service->hostname},
                    {"namespace", service->ns},
                    {"addresses", service->addresses},
                    {"ports", std::move(ports)},
                    {"meshExternal", service->mesh_external}});
  }
  return Text(page);
}

std::string EndpointPage(const registry::Registry& registry) {
  Json page = Json::array();
  for (const registry::ServicePtr& service : registry.services()) {
    for (const registry::Port& port : service->ports) {
      Json endpoints = Json::array();
      for (const registry::Endpoint* endpoint : registry.EndpointsOf(*service, port)) {
        endpoints.push_back({{"address", endpoint->address},
                             {"port", endpoint->port},
                             {"workload", endpoint->workload_name},
                             {"namespace", endpoint->workload_namespace},
                             {"labels", endpoint->labels}});
      }
      page.push_back({{"service", service->hostname},
                      {"port", port.number},
                      {"endpoints", std::move(endpoints)}});
    }
  }
  return Text(page);
}

std::string PushStatusPage(const std::vector<PeerStatus>& peers, uint64_t generation,
                           absl::Time since, const std::vector<FieldError>& errors,
                           const std::vector<std::string>& alarms) {
  Json texts = Json::array();
  for (const std::string& alarm : alarms) texts.push_back(alarm);
  for (const FieldError& error : errors) texts.push_back(error.ToString());
  return Text(Json{{"generation", generation},
                   {"since", Text(since)},
                   {"proxies", peers.size()},
                   {"in_sync", std::count_if(peers.begin(), peers.end(),
                                             [generation](const PeerStatus& peer) {
                                               return peer.acknowledged_generation >= generation;
                                             })},
                   {"errors", std::move(texts)}});
}

}  // namespace mesh::discovery
