#include "mesh/ctl/crd_schema.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "api/meta/v1alpha1/status.pb.h"
#include "google/protobuf/message.h"
#include "mesh/ctl/field_comments.h"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

// As Go's time.ParseDuration has it.
constexpr char kDuration[] =
    "^[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|\xC2\xB5s|\xCE\xBCs|ms|s|m|h))+)$";

// Base64 with either alphabet, padded or not.
constexpr char kBase64[] =
    "^(([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?|"
    "([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}(==)?|[A-Za-z0-9_-]{3}=?)?)$";

// A structural schema says nothing of keys; this does, from Kubernetes 1.25 on.
constexpr char kNumericKeys[] =
    "self.all(key, key.matches('^(0|[1-9][0-9]{0,9})$') && int(key) <= 4294967295)";

// Fields without which an object is refused whatever else it has.
constexpr std::pair<std::string_view, std::string_view> kRequired[] = {
    {"istio.networking.v1alpha3.Destination", "host"},
    {"istio.networking.v1alpha3.DestinationRule", "host"},
    {"istio.networking.v1alpha3.ExecHealthCheckConfig", "command"},
    {"istio.networking.v1alpha3.Gateway", "servers"},
    {"istio.networking.v1alpha3.HTTPDirectResponse", "status"},
    {"istio.networking.v1alpha3.HTTPHealthCheckConfig", "port"},
    {"istio.networking.v1alpha3.HTTPMirrorPolicy", "destination"},
    {"istio.networking.v1alpha3.HTTPRouteDestination", "destination"},
    {"istio.networking.v1alpha3.IstioEgressListener", "hosts"},
    {"istio.networking.v1alpha3.IstioIngressListener", "defaultEndpoint"},
    {"istio.networking.v1alpha3.IstioIngressListener", "port"},
    {"istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.HTTPCookie", "name"},
    {"istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.HTTPCookie.Attribute",
     "name"},
    {"istio.networking.v1alpha3.Port", "name"},
    {"istio.networking.v1alpha3.Port", "protocol"},
    {"istio.networking.v1alpha3.RouteDestination", "destination"},
    {"istio.networking.v1alpha3.Server", "hosts"},
    {"istio.networking.v1alpha3.Server", "port"},
    {"istio.networking.v1alpha3.ServiceEntry", "hosts"},
    {"istio.networking.v1alpha3.ServicePort", "name"},
    {"istio.networking.v1alpha3.ServicePort", "number"},
    {"istio.networking.v1alpha3.Sidecar", "egress"},
    {"istio.networking.v1alpha3.Subset", "name"},
    {"istio.networking.v1alpha3.TCPHealthCheckConfig", "port"},
    {"istio.networking.v1alpha3.TLSMatchAttributes", "sniHosts"},
    {"istio.networking.v1alpha3.TLSRoute", "match"},
    {"istio.networking.v1alpha3.TrafficPolicy.TunnelSettings", "targetHost"},
    {"istio.networking.v1alpha3.TrafficPolicy.TunnelSettings", "targetPort"},
    {"istio.networking.v1alpha3.WarmupConfiguration", "duration"},
    {"istio.networking.v1alpha3.WorkloadGroup", "template"},
    {"istio.security.v1beta1.ClaimToHeader", "claim"},
    {"istio.security.v1beta1.ClaimToHeader", "header"},
    {"istio.security.v1beta1.Condition", "key"},
    {"istio.security.v1beta1.JWTHeader", "name"},
    {"istio.security.v1beta1.JWTRule", "issuer"},
    {"istio.security.v1beta1.Rule.From", "source"},
    {"istio.security.v1beta1.Rule.To", "operation"},
};

// Names of the .proto that Istio's own definitions take beside those of JSON.
constexpr std::string_view kOldNames[] = {
    "istio.networking.v1alpha3.HTTPRoute.mirror_percent",
    "istio.security.v1beta1.JWTRule.jwks_uri",
};

Json Typed(const char* type) { return Json{{"type", type}}; }

Json Anything() { return Json{{"x-kubernetes-preserve-unknown-fields", true}}; }

Json SchemaOfField(const FieldDescriptor* field);

// One value of the field: an item, where it is a list.
Json SchemaOfValue(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Typed("boolean");
    case FieldDescriptor::CPPTYPE_INT32:
      return Json{{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::CPPTYPE_UINT32:
      return Json{{"type", "integer"}, {"minimum", 0}, {"maximum", 4294967295u}};
    // JSON's numbers do not hold 64 bits, so that protobuf writes them in quotes.
    case FieldDescriptor::CPPTYPE_INT64:
      return Json{{"x-kubernetes-int-or-string", true}, {"pattern", "^(0|-?[1-9][0-9]{0,18})$"}};
    case FieldDescriptor::CPPTYPE_UINT64:
      return Json{{"x-kubernetes-int-or-string", true},
                  {"minimum", 0},
                  {"pattern", "^(0|[1-9][0-9]{0,19})$"}};
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Json{{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES
                 ? Json{{"type", "string"}, {"pattern", kBase64}}
                 : Typed("string");
    case FieldDescriptor::CPPTYPE_ENUM: {
      Json names = Json::array();
      for (int i = 0; i < field->enum_type()->value_count(); ++i) {
        names.push_back(field->enum_type()->value(i)->name());
      }
      return Json{{"type", "string"}, {"enum", std::move(names)}};
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const Descriptor* message = field->message_type();
  const std::string& name = message->full_name();
  if (name == "google.protobuf.Duration") return Json{{"type", "string"}, {"pattern", kDuration}};
  if (name == "google.protobuf.Timestamp") {
    return Json{{"type", "string"}, {"format", "date-time"}};
  }
  if (name == "google.protobuf.Struct") {
    Json any = Typed("object");
    any["x-kubernetes-preserve-unknown-fields"] = true;
    return any;
  }
  if (name == "google.protobuf.Value") return Anything();
  if (name == "google.protobuf.ListValue") return Json{{"type", "array"}, {"items", Anything()}};
  if (message->file()->name() == "google/protobuf/wrappers.proto") {
    Json value = SchemaOfValue(message->field(0));
    value["nullable"] = true;
    return value;
  }
  return SchemaOfMessage(message);
}

std::string Words(std::string_view full_name) { return std::string(CommentOf(full_name)); }

// What `kubectl explain` says of a field: its comment, that of the message it holds, and the values
// of an enum that have something said of them.
std::string DescriptionOf(const FieldDescriptor* field) {
  std::vector<std::string> paragraphs = {Words(field->full_name())};
  const FieldDescriptor* value = field->is_map() ? field->message_type()->field(1) : field;
  if (value->message_type() != nullptr) {
    paragraphs.push_back(Words(value->message_type()->full_name()));
  }
  if (const auto* type = value->enum_type()) {
    paragraphs.push_back(Words(type->full_name()));
    for (int i = 0; i < type->value_count(); ++i) {
      const std::string& name = type->value(i)->name();
      const std::string words = Words(type->full_name() + "." + name);
      if (!words.empty()) paragraphs.push_back(name + ": " + words);
    }
  }
  std::string description;
  for (const std::string& paragraph : paragraphs) {
    if (!description.empty() && !paragraph.empty()) description += "\n\n";
    description += paragraph;
  }
  return description;
}

Json SchemaOfField(const FieldDescriptor* field) {
  if (field->is_map()) {
    Json map = Typed("object");
    map["additionalProperties"] = SchemaOfField(field->message_type()->field(1));
    if (field->message_type()->field(0)->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      map["x-kubernetes-validations"] =
          Json::array({{{"rule", kNumericKeys},
                        {"message", "the keys here are whole numbers, such as ports"}}});
    }
    return map;
  }
  if (!field->is_repeated()) return SchemaOfValue(field);
  Json list = Typed("array");
  list["items"] = SchemaOfValue(field);
  // An item that is null is an empty one. Of other nulls a server makes nothing by itself.
  const auto type = field->cpp_type();
  if (type == FieldDescriptor::CPPTYPE_STRING || type == FieldDescriptor::CPPTYPE_MESSAGE) {
    list["items"]["nullable"] = true;
  }
  return list;
}

// At most one of the fields.
Json OneOf(const OneofDescriptor* oneof) {
  Json each = Json::array();
  for (int i = 0; i < oneof->field_count(); ++i) {
    each.push_back({{"required", Json::array({oneof->field(i)->json_name()})}});
  }
  Json cases = Json::array({Json{{"not", {{"anyOf", each}}}}});
  for (Json& one : each) cases.push_back(std::move(one));
  return Json{{"oneOf", std::move(cases)}};
}

std::vector<std::string_view> ShortNames(config::Kind kind) {
  using config::Kind;
  switch (kind) {
    case Kind::kVirtualService:
      return {"vs"};
    case Kind::kDestinationRule:
      return {"dr"};
    case Kind::kGateway:
      return {"gw"};
    case Kind::kServiceEntry:
      return {"se"};
    case Kind::kWorkloadEntry:
      return {"we"};
    case Kind::kWorkloadGroup:
      return {"wg"};
    case Kind::kPeerAuthentication:
      return {"pa"};
    case Kind::kRequestAuthentication:
      return {"ra"};
    case Kind::kAuthorizationPolicy:
      return {"ap"};
    case Kind::kTelemetry:
      return {"telemetry"};
    default:
      return {};
  }
}

struct Column {
  config::Kind kind;
  const char* name;
  const char* path;
  const char* description;
};
constexpr Column kColumns[] = {
    {config::Kind::kVirtualService, "Gateways", ".spec.gateways",
     "The gateways whose requests the rules are for; none: those of the sidecars"},
    {config::Kind::kVirtualService, "Hosts", ".spec.hosts",
     "The hosts whose requests the rules are for"},
    {config::Kind::kDestinationRule, "Host", ".spec.host",
     "The service whose traffic the policies are for"},
    {config::Kind::kServiceEntry, "Hosts", ".spec.hosts",
     "The hosts that the entry adds to the mesh"},
    {config::Kind::kServiceEntry, "Location", ".spec.location",
     "Whether the endpoints belong to the mesh"},
    {config::Kind::kServiceEntry, "Resolution", ".spec.resolution",
     "How the addresses of the endpoints are found"},
    {config::Kind::kWorkloadEntry, "Address", ".spec.address", "Where the workload is reached"},
    {config::Kind::kPeerAuthentication, "Mode", ".spec.mtls.mode",
     "Whether clients have to use mutual TLS"},
    {config::Kind::kAuthorizationPolicy, "Action", ".spec.action",
     "What becomes of requests that a rule matches"},
};

Json Columns(config::Kind kind) {
  Json columns = Json::array();
  for (const Column& column : kColumns) {
    if (column.kind != kind) continue;
    columns.push_back({{"name", column.name},
                       {"type", "string"},
                       {"jsonPath", column.path},
                       {"description", column.description}});
  }
  columns.push_back({{"name", "Age"},
                     {"type", "date"},
                     {"jsonPath", ".metadata.creationTimestamp"},
                     {"description", "How long the object has been there"}});
  return columns;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

Json SchemaOfMessage(const Descriptor* message) {
  Json schema = Typed("object");
  Json properties = Json::object();
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    Json property = SchemaOfField(field);
    const std::string description = DescriptionOf(field);
    if (!description.empty()) property["description"] = description;
    if (std::find(std::begin(kOldNames), std::end(kOldNames), field->full_name()) !=
        std::end(kOldNames)) {
      properties[field->name()] = property;
      properties[field->name()]["description"] = "The same as " + field->json_name() + ".";
    }
    properties[field->json_name()] = std::move(property);
  }
  // A message without fields is an empty object: nothing is known, so nothing is let through.
  if (!properties.empty()) schema["properties"] = std::move(properties);
  Json required = Json::array();
  for (const auto& [name, field] : kRequired) {
    if (name == message->full_name()) required.push_back(field);
  }
  if (!required.empty()) schema["required"] = std::move(required);
  Json oneofs = Json::array();
  for (int i = 0; i < message->real_oneof_decl_count(); ++i) {
    if (message->oneof_decl(i)->field_count() > 1) oneofs.push_back(OneOf(message->oneof_decl(i)));
  }
  if (oneofs.size() == 1) {
    schema["oneOf"] = std::move(oneofs[0]["oneOf"]);
  } else if (!oneofs.empty()) {
    schema["allOf"] = std::move(oneofs);
  }
  return schema;
}

Json DefinitionOf(const config::KindInfo& kind) {
  const Descriptor* message = kind.prototype->GetDescriptor();
  Json schema = Typed("object");
  schema["description"] = Words(message->full_name());
  schema["properties"]["spec"] = SchemaOfMessage(message);
  schema["properties"]["spec"]["description"] = Words(message->full_name());
  Json status = SchemaOfMessage(istio::meta::v1alpha1::IstioStatus::descriptor());
  status["description"] = Words(istio::meta::v1alpha1::IstioStatus::descriptor()->full_name());
  status["x-kubernetes-preserve-unknown-fields"] = true;
  schema["properties"]["status"] = std::move(status);
  // What an empty spec lacks, no spec lacks too.
  if (schema["properties"]["spec"].contains("required")) schema["required"] = Json::array({"spec"});

  Json versions = Json::array();
  for (std::string_view version : kind.versions) {
    versions.push_back({{"name", version},
                        {"served", true},
                        {"storage", version == kind.versions.back()},
                        {"additionalPrinterColumns", Columns(kind.kind)},
                        {"subresources", {{"status", Json::object()}}},
                        {"schema", {{"openAPIV3Schema", schema}}}});
  }
  const std::string group(kind.group);
  const std::string singular = LowerCase(kind.name);
  Json names = {
      {"kind", kind.name},
      {"listKind", std::string(kind.name) + "List"},
      {"plural", kind.plural},
      {"singular", singular},
      {"categories", Json::array({"istio-io", group.substr(0, group.find('.')) + "-istio-io"})}};
  if (const auto shorts = ShortNames(kind.kind); !shorts.empty()) names["shortNames"] = shorts;
  return Json{{"apiVersion", "apiextensions.k8s.io/v1"},
              {"kind", "CustomResourceDefinition"},
              {"metadata", {{"name", std::string(kind.plural) + "." + group}}},
              {"spec",
               {{"group", group},
                {"names", std::move(names)},
                {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
                {"preserveUnknownFields", false},
                {"versions", std::move(versions)}}}};
}

std::vector<config::Kind> CustomKinds() {
  std::vector<config::Kind> kinds;
  for (const config::KindInfo& info : config::AllKinds()) {
    if (info.istio && !info.group.empty()) kinds.push_back(info.kind);
  }
  std::sort(kinds.begin(), kinds.end(), [](config::Kind a, config::Kind b) {
    return config::InfoOf(a).plural < config::InfoOf(b).plural;
  });
  return kinds;
}

}  // namespace mesh::ctl
