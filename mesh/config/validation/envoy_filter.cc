#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/struct.pb.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {
namespace {

namespace net = ::istio::networking::v1alpha3;
using net::EnvoyFilter;

constexpr std::string_view kConnectionManager = "envoy.filters.network.http_connection_manager";

enum class ObjectClass { kListener, kRoute, kCluster, kOther };

ObjectClass ClassOf(EnvoyFilter::ApplyTo apply_to) {
  switch (apply_to) {
    case EnvoyFilter::LISTENER:
    case EnvoyFilter::FILTER_CHAIN:
    case EnvoyFilter::NETWORK_FILTER:
    case EnvoyFilter::HTTP_FILTER:
    case EnvoyFilter::LISTENER_FILTER:
      return ObjectClass::kListener;
    case EnvoyFilter::ROUTE_CONFIGURATION:
    case EnvoyFilter::VIRTUAL_HOST:
    case EnvoyFilter::HTTP_ROUTE:
      return ObjectClass::kRoute;
    case EnvoyFilter::CLUSTER:
      return ObjectClass::kCluster;
    default:
      return ObjectClass::kOther;
  }
}

// Enums at the top of the objects that a patch can be about.
struct TopEnum {
  EnvoyFilter::ApplyTo apply_to;
  std::string_view field;
  std::string_view json_name;
  std::initializer_list<std::string_view> values;
};

const TopEnum kTopEnums[] = {
    {EnvoyFilter::CLUSTER,
     "lb_policy",
     "lbPolicy",
     {"ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "MAGLEV", "CLUSTER_PROVIDED",
      "LOAD_BALANCING_POLICY_CONFIG"}},
    {EnvoyFilter::CLUSTER,
     "type",
     "type",
     {"STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"}},
    {EnvoyFilter::CLUSTER,
     "dns_lookup_family",
     "dnsLookupFamily",
     {"AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL"}},
    {EnvoyFilter::LISTENER, "drain_type", "drainType", {"DEFAULT", "MODIFY_ONLY"}},
    {EnvoyFilter::LISTENER,
     "traffic_direction",
     "trafficDirection",
     {"UNSPECIFIED", "INBOUND", "OUTBOUND"}},
    {EnvoyFilter::VIRTUAL_HOST, "require_tls", "requireTls", {"NONE", "EXTERNAL_ONLY", "ALL"}},
};

std::string CheckTopEnum(EnvoyFilter::ApplyTo apply_to, const std::string& field,
                         const google::protobuf::Value& content) {
  if (content.kind_case() != google::protobuf::Value::kStringValue) return "";
  for (const TopEnum& top : kTopEnums) {
    if (top.apply_to != apply_to || (field != top.field && field != top.json_name)) continue;
    if (std::find(top.values.begin(), top.values.end(), content.string_value()) !=
        top.values.end()) {
      return "";
    }
    return absl::StrCat(
        "\"", content.string_value(), "\" is no value of this field; it is one of ",
        absl::StrJoin(top.values, ", ",
                      [](std::string* out, std::string_view value) { out->append(value); }));
  }
  return "";
}

// What "@type" names: a message of Envoy's API or of what that is made of.
std::string CheckType(const google::protobuf::Struct& any) {
  const auto type = any.fields().find("@type");
  if (type == any.fields().end()) return "\"@type\" is missing: which message of Envoy this is";
  const std::string& url = type->second.string_value();
  const size_t slash = url.rfind('/');
  const absl::string_view name =
      absl::string_view(url).substr(slash == std::string::npos ? 0 : slash + 1);
  for (const char* package : {"envoy.", "google.protobuf.", "udpa.", "xds.", "istio.", "stats.",
                              "cncf.", "opentelemetry."}) {
    if (absl::StartsWith(name, package)) return "";
  }
  return absl::StrCat("\"", url,
                      "\" is no type of Envoy's; write one such as "
                      "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua");
}

// What a value of any message of Envoy's API must have, as far as it can be told without that API:
// every object that a patch can be about has a string "name", every typed_config says its type.
// What else is wrong with a value, the translation says.
void CheckValue(Checker* checker, const Path& path, const google::protobuf::Struct& value,
                std::optional<EnvoyFilter::ApplyTo> top) {
  for (const auto* field : Sorted(value.fields())) {
    const Path at = path.Key(field->first);
    const google::protobuf::Value& content = field->second;
    if (top.has_value()) {
      if (field->first == "name" && content.kind_case() != google::protobuf::Value::kStringValue &&
          content.kind_case() != google::protobuf::Value::kNullValue) {
        checker->Fail(at, "a name of Envoy is a string; put it in quotes");
      }
      checker->Check(at, CheckTopEnum(*top, field->first, content));
    }
    if (content.has_struct_value()) {
      if (field->first == "typed_config" || field->first == "typedConfig") {
        checker->Check(at, CheckType(content.struct_value()));
      }
      CheckValue(checker, at, content.struct_value(), std::nullopt);
    } else if (content.has_list_value()) {
      for (int i = 0; i < content.list_value().values_size(); ++i) {
        const auto& item = content.list_value().values(i);
        if (item.has_struct_value()) {
          CheckValue(checker, at.At(i), item.struct_value(), std::nullopt);
        }
      }
    }
  }
}

// Whether listener class matches hold together; says the first thing that does not.
bool CheckListenerMatch(Checker* checker, const Path& path, EnvoyFilter::ApplyTo apply_to,
                        const EnvoyFilter::ListenerMatch& match) {
  if (!match.filter_chain().has_filter()) return true;
  const EnvoyFilter::ListenerMatch::FilterMatch& filter = match.filter_chain().filter();
  const Path chain = path.Field("filterChain");
  const Path at = chain.Field("filter");
  if (filter.name().empty()) {
    checker->Fail(at, "name is missing: which filter it is");
    return false;
  }
  if (!filter.has_sub_filter()) return true;
  if (apply_to != EnvoyFilter::HTTP_FILTER) {
    checker->Fail(at.Field("subFilter"), "goes with applyTo HTTP_FILTER only");
    return false;
  }
  if (filter.name() != kConnectionManager && filter.name() != "envoy.http_connection_manager") {
    checker->Fail(at.Field("name"), absl::StrCat("is ", std::string(kConnectionManager),
                                                 " where there is a subFilter"));
    return false;
  }
  if (filter.sub_filter().name().empty()) {
    checker->Fail(at.Field("subFilter"), "name is missing: which filter it is");
    return false;
  }
  return true;
}

void CheckPatch(Checker* checker, const Path& path,
                const EnvoyFilter::EnvoyConfigObjectPatch& patch) {
  if (patch.apply_to() == EnvoyFilter::INVALID) {
    checker->Fail(path, "applyTo is missing");
    return;
  }
  if (!patch.has_patch()) {
    checker->Fail(path, "patch is missing");
    return;
  }
  const Path body = path.Field("patch");
  if (patch.patch().operation() == EnvoyFilter::Patch::INVALID) {
    checker->Fail(body, "operation is missing");
    return;
  }
  if (patch.patch().operation() != EnvoyFilter::Patch::REMOVE && !patch.patch().has_value()) {
    checker->Fail(body, "value is missing; only REMOVE needs none");
    return;
  }
  const EnvoyFilter::EnvoyConfigObjectMatch& match = patch.match();
  const Path at = path.Field("match");
  const std::string regex = CheckRegex(match.proxy().proxy_version());
  if (!regex.empty()) {
    const Path proxy = at.Field("proxy");
    checker->Fail(proxy.Field("proxyVersion"), regex);
    return;
  }
  const auto objects = match.object_types_case();
  if (objects != EnvoyFilter::EnvoyConfigObjectMatch::OBJECT_TYPES_NOT_SET &&
      objects != EnvoyFilter::EnvoyConfigObjectMatch::kWaypoint) {
    const std::string& apply_to = EnvoyFilter::ApplyTo_Name(patch.apply_to());
    switch (ClassOf(patch.apply_to())) {
      case ObjectClass::kListener:
        if (objects != EnvoyFilter::EnvoyConfigObjectMatch::kListener) {
          checker->Fail(at, absl::StrCat("applyTo ", apply_to, " is matched by listener"));
          return;
        }
        if (!CheckListenerMatch(checker, at.Field("listener"), patch.apply_to(),
                                match.listener())) {
          return;
        }
        break;
      case ObjectClass::kRoute:
        if (objects != EnvoyFilter::EnvoyConfigObjectMatch::kRouteConfiguration) {
          checker->Fail(at,
                        absl::StrCat("applyTo ", apply_to, " is matched by routeConfiguration"));
          return;
        }
        break;
      case ObjectClass::kCluster:
        if (objects != EnvoyFilter::EnvoyConfigObjectMatch::kCluster) {
          checker->Fail(at, absl::StrCat("applyTo ", apply_to, " is matched by cluster"));
          return;
        }
        break;
      case ObjectClass::kOther:
        break;
    }
  }
  CheckValue(checker, body.Field("value"), patch.patch().value(), patch.apply_to());
}

}  // namespace

void CheckEnvoyFilter(Checker* checker, const Path& path, const EnvoyFilter& filter) {
  if (filter.has_workload_selector()) {
    CheckSelector(checker, path.Field("workloadSelector"), filter.workload_selector());
  }
  for (int i = 0; i < filter.config_patches_size(); ++i) {
    const Path list = path.Field("configPatches");
    CheckPatch(checker, list.At(i), filter.config_patches(i));
  }
}

}  // namespace mesh::config
