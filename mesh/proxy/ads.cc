#include "mesh/proxy/ads.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/envoy/proxy_routes.h"

namespace mesh::proxy {
namespace {

namespace cluster = ::envoy::config::cluster::v3;
namespace endpoint = ::envoy::config::endpoint::v3;
namespace listener = ::envoy::config::listener::v3;
namespace routes = ::envoy::config::route::v3;
namespace secrets = ::envoy::extensions::transport_sockets::tls::v3;

template <class Proto>
absl::StatusOr<Proto> Parse(const xds::Received& resource) {
  Proto proto;
  if (!proto.ParseFromString(resource.message)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", resource.name, "\": the bytes are no ",
                                                   Proto::descriptor()->full_name()));
  }
  return proto;
}

template <class Proto>
std::string ToJson(const std::string& bytes) {
  Proto proto;
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!proto.ParseFromString(bytes) ||
      !google::protobuf::util::MessageToJsonString(proto, &json, options).ok()) {
    return "{}";
  }
  return json;
}

std::string ToJson(xds::Type type, const std::string& bytes) {
  switch (type) {
    case xds::Type::kCluster:
      return ToJson<cluster::Cluster>(bytes);
    case xds::Type::kEndpoint:
      return ToJson<endpoint::ClusterLoadAssignment>(bytes);
    case xds::Type::kListener:
      return ToJson<listener::Listener>(bytes);
    case xds::Type::kRoute:
      return ToJson<routes::RouteConfiguration>(bytes);
    case xds::Type::kSecret:
      break;  // never shown
  }
  return "{}";
}

// The words never tell what the secret holds.
absl::StatusOr<Secret> MakeSecret(const secrets::Secret& proto) {
  absl::StatusOr<envoy::Secret> loaded = envoy::LoadSecret(proto);
  if (!loaded.ok()) return loaded.status();
  const auto because = [&proto](const char* field, const absl::Status& status) {
    return absl::InvalidArgumentError(
        absl::StrCat("secret \"", proto.name(), "\" ", field, ": ", status.message()));
  };
  Secret secret;
  secret.name = loaded->name;
  if (!loaded->trusted_ca.empty()) {
    auto roots = tls::Certificate::ListFromPem(loaded->trusted_ca);
    if (!roots.ok()) return because("validation_context.trusted_ca", roots.status());
    secret.roots = *std::move(roots);
  } else {
    auto identity = tls::Identity::FromPem(loaded->certificate_chain, loaded->private_key);
    if (!identity.ok()) return because("tls_certificate", identity.status());
    secret.identity = *std::move(identity);
  }
  return secret;
}

// With the type URL that an Any's JSON has.
std::string WithType(xds::Type type, std::string json) {
  if (json.size() < 2) return json;
  const std::string rest = json.substr(1);
  return absl::StrCat("{\"@type\":\"", std::string(xds::TypeUrl(type)), "\"",
                      rest == "}" ? "" : ",", rest);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ads>> Ads::Start(const ProxyOptions& proxy, Take take) {
  auto ads = std::unique_ptr<Ads>(new Ads(std::move(take)));
  const ProxyNode& node = proxy.node;
  xds::ClientOptions options;
  options.address = proxy.xds_address;
  options.credentials = proxy.xds_credentials;
  options.server_name = proxy.xds_server_name;
  options.log = proxy.log;
  options.node.set_id(node.id);
  options.node.set_cluster(node.cluster);
  options.node.set_user_agent_name("mesh-proxy");
  options.node.mutable_locality()->set_region(node.region);
  options.node.mutable_locality()->set_zone(node.zone);
  options.node.mutable_locality()->set_sub_zone(node.sub_zone);
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      node.metadata_json.empty() ? "{}" : node.metadata_json, options.node.mutable_metadata());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("node metadata is no JSON object: ", std::string(parsed.message())));
  }
  // Ours: that what denies a request says in which file and line it was written.
  (*options.node.mutable_metadata()->mutable_fields())["MESH_POLICY_POSITIONS"].set_string_value(
      "true");
  options.on_update = [raw = ads.get()](const xds::Update& update) {
    return raw->OnUpdate(update);
  };
  absl::StatusOr<std::unique_ptr<xds::Client>> client = xds::Client::Start(std::move(options));
  if (!client.ok()) return client.status();
  ads->client_ = *std::move(client);
  return ads;
}

Ads::~Ads() { Stop(); }

void Ads::Stop() {
  if (client_ != nullptr) client_->Stop();
}

absl::Status Ads::OnUpdate(const xds::Update& update) {
  const int type = static_cast<int>(update.type);
  const std::set<std::string_view> changed(update.changed.begin(), update.changed.end());
  ConfigBatch batch;
  std::vector<std::string> errors;
  std::set<std::string_view> bad;
  const auto refuse = [&](const xds::Received& resource, const absl::Status& status) {
    errors.push_back(std::string(status.message()));
    bad.insert(resource.name);
  };
  for (const xds::ReceivedPtr& resource : update.resources) {
    if (changed.count(resource->name) == 0) continue;
    switch (update.type) {
      case xds::Type::kCluster: {
        const auto proto = Parse<cluster::Cluster>(*resource);
        auto loaded = proto.ok() ? envoy::LoadCluster(*proto) : proto.status();
        if (loaded.ok()) {
          batch.clusters.push_back(*std::move(loaded));
        } else {
          refuse(*resource, loaded.status());
        }
        break;
      }
      case xds::Type::kEndpoint: {
        const auto proto = Parse<endpoint::ClusterLoadAssignment>(*resource);
        auto loaded = proto.ok() ? envoy::LoadEndpoints(*proto) : proto.status();
        if (loaded.ok()) {
          batch.endpoints.push_back(*std::move(loaded));
        } else {
          refuse(*resource, loaded.status());
        }
        break;
      }
      case xds::Type::kListener: {
        const auto proto = Parse<listener::Listener>(*resource);
        auto loaded = proto.ok() ? envoy::LoadListener(*proto) : proto.status();
        if (loaded.ok()) {
          batch.listeners.push_back(*std::move(loaded));
        } else {
          refuse(*resource, loaded.status());
        }
        break;
      }
      case xds::Type::kRoute: {
        const auto proto = Parse<routes::RouteConfiguration>(*resource);
        const auto previous = routes_.find(resource->name);
        auto loaded = proto.ok()
                          ? envoy::LoadProxyRoutes(
                                *proto, previous == routes_.end() ? nullptr : previous->second)
                          : proto.status();
        auto planned = loaded.ok() ? PlanRoutes(*loaded) : loaded.status();
        if (planned.ok()) {
          routes_[resource->name] = *std::move(loaded);
          batch.routes.push_back(*std::move(planned));
        } else {
          refuse(*resource, absl::InvalidArgumentError(
                                absl::StrCat("routes \"", resource->name,
                                             "\": ", std::string(planned.status().message()))));
        }
        break;
      }
      case xds::Type::kSecret: {
        const auto proto = Parse<secrets::Secret>(*resource);
        auto loaded = proto.ok() ? MakeSecret(*proto) : proto.status();
        if (loaded.ok()) {
          batch.secrets.push_back(*std::move(loaded));
        } else {
          refuse(*resource, loaded.status());
        }
        break;
      }
    }
  }
  if (update.type == xds::Type::kCluster) batch.removed_clusters = update.removed;
  if (update.type == xds::Type::kListener) batch.removed_listeners = update.removed;
  if (update.type == xds::Type::kRoute) {
    std::set<std::string_view> here;
    for (const xds::ReceivedPtr& resource : update.resources) here.insert(resource->name);
    for (auto it = routes_.begin(); it != routes_.end();) {
      it = here.count(it->first) > 0 ? std::next(it) : routes_.erase(it);
    }
  }

  const Taken taken = take_(std::move(batch));
  if (!taken.status.ok()) errors.push_back(std::string(taken.status.message()));
  if (update.type == xds::Type::kCluster) {
    update.client->SetNames(xds::Type::kEndpoint, taken.endpoint_names);
  } else if (update.type == xds::Type::kListener) {
    update.client->SetNames(xds::Type::kRoute, taken.route_names);
  }
  if (update.type == xds::Type::kCluster || update.type == xds::Type::kListener) {
    update.client->SetNames(xds::Type::kSecret, taken.secret_names);
  }
  // What secrets hold is kept nowhere but where it is used.
  if (update.type != xds::Type::kSecret) {
    MutexLock lock(&mutex_);
    received_[type] = true;
    std::map<std::string, Held> held;
    for (const xds::ReceivedPtr& resource : update.resources) {
      const auto before = held_[type].find(resource->name);
      const bool same = before != held_[type].end() && changed.count(resource->name) == 0;
      if (bad.count(resource->name) > 0) {
        if (before != held_[type].end()) held[resource->name] = before->second;
      } else {
        held[resource->name] = same ? before->second : Held{resource, update.version, absl::Now()};
      }
    }
    held_[type] = std::move(held);
  }
  return errors.empty() ? absl::OkStatus()
                        : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

bool Ads::received() const {
  MutexLock lock(&mutex_);
  return received_[static_cast<int>(xds::Type::kCluster)] &&
         received_[static_cast<int>(xds::Type::kListener)];
}

std::string Ads::Dump(const std::string& only) const {
  struct Section {
    xds::Type type;
    const char* dump;
    const char* list;
    const char* field;
  };
  static constexpr Section kSections[] = {
      {xds::Type::kCluster, "ClustersConfigDump", "dynamic_active_clusters", "cluster"},
      {xds::Type::kListener, "ListenersConfigDump", "dynamic_listeners", "listener"},
      {xds::Type::kRoute, "RoutesConfigDump", "dynamic_route_configs", "route_config"},
      {xds::Type::kEndpoint, "EndpointsConfigDump", "dynamic_endpoint_configs", "endpoint_config"},
  };
  std::string out = "{\"configs\":[";
  bool first_section = true;
  for (const Section& section : kSections) {
    if (!only.empty() && only != section.list) continue;
    std::map<std::string, Held> held;
    {
      MutexLock lock(&mutex_);
      held = held_[static_cast<int>(section.type)];
    }
    absl::StrAppend(&out, first_section ? "" : ",",
                    "{\"@type\":\"type.googleapis.com/envoy.admin.v3.", section.dump, "\",\"",
                    section.list, "\":[");
    first_section = false;
    bool first = true;
    for (const auto& [name, entry] : held) {
      const std::string body =
          WithType(section.type, ToJson(section.type, entry.resource->message));
      const std::string state = absl::StrCat(
          "\"version_info\":\"", entry.version, "\",\"", section.field, "\":", body,
          ",\"last_updated\":\"",
          absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", entry.updated, absl::UTCTimeZone()), "\"");
      // A listener's state stands one level deeper.
      if (section.type == xds::Type::kListener) {
        absl::StrAppend(&out, first ? "" : ",", "{\"name\":\"", name, "\",\"active_state\":{",
                        state, "}}");
      } else {
        absl::StrAppend(&out, first ? "" : ",", "{", state, "}");
      }
      first = false;
    }
    absl::StrAppend(&out, "]}");
  }
  absl::StrAppend(&out, "]}\n");
  return out;
}

}  // namespace mesh::proxy
