#include "mesh/translate/node.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/config/core/v3/base.pb.h"
#include "mesh/base/strings.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {
namespace {

absl::Status SetType(std::string_view type, Node& node) {
  if (type == "sidecar") {
    node.type = NodeType::kSidecar;
  } else if (type == "router" || type == "ingress") {
    node.type = NodeType::kRouter;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("node type \"", Absl(type), "\": want sidecar or router"));
  }
  return absl::OkStatus();
}

// Splits POD.NAMESPACE at its last dot.
absl::Status SetPod(std::string_view pod, Node& node) {
  const size_t dot = pod.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == pod.size()) {
    return absl::InvalidArgumentError(absl::StrCat("node \"", Absl(pod), "\": want POD.NAMESPACE"));
  }
  node.name = std::string(pod.substr(0, dot));
  node.ns = std::string(pod.substr(dot + 1));
  return absl::OkStatus();
}

absl::Status ReadMetadata(const nlohmann::json& metadata, Node& node) {
  for (const auto& [key, value] : metadata.items()) {
    if (key == "LABELS" && value.is_object()) {
      for (const auto& [label, text] : value.items()) {
        if (text.is_string()) node.labels[label] = text.get<std::string>();
      }
      continue;
    }
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    node.metadata[key] = text;
    if (key == "INTERCEPTION_MODE") {
      absl::StatusOr<Interception> mode = ParseInterception(text);
      if (!mode.ok()) return mode.status();
      node.interception = *mode;
    } else if (key == "NAMESPACE") {
      node.ns = text;
    } else if (key == "SERVICE_ACCOUNT") {
      node.service_account = text;
    } else if (key == "NAME") {
      node.name = text;
    }
  }
  return absl::OkStatus();
}

absl::Status BadJson(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("node: ", Absl(what),
                   ": want {\"id\",\"name\",\"ns\",\"ip\",\"labels\":{},\"sa\","
                   "\"type\":\"sidecar\"|\"router\",\"metadata\":{}}"));
}

}  // namespace

absl::StatusOr<Interception> ParseInterception(std::string_view mode) {
  if (mode.empty() || absl::EqualsIgnoreCase(Absl(mode), "redirect")) {
    return Interception::kRedirect;
  }
  if (absl::EqualsIgnoreCase(Absl(mode), "tproxy")) return Interception::kTproxy;
  if (absl::EqualsIgnoreCase(Absl(mode), "none")) return Interception::kNone;
  return absl::InvalidArgumentError(
      absl::StrCat("interception mode \"", Absl(mode), "\": want none, redirect or tproxy"));
}

absl::StatusOr<Node> ParseNode(const envoy::config::core::v3::Node& proto) {
  Node node;
  node.id = proto.id();
  const std::vector<std::string> parts = absl::StrSplit(proto.id(), '~');
  if (parts.size() != 4 || parts[1].empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("node id \"", proto.id(),
                     "\": want TYPE~IP~POD.NAMESPACE~DOMAIN, as in "
                     "sidecar~10.1.1.1~productpage-v1-0.default~default.svc.cluster.local"));
  }
  if (absl::Status status = SetType(parts[0], node); !status.ok()) return status;
  node.ip = parts[1];
  const auto& locality = proto.locality();
  if (!locality.region().empty()) {
    node.locality = locality.region();
    if (!locality.zone().empty()) absl::StrAppend(&node.locality, "/", locality.zone());
    if (!locality.zone().empty() && !locality.sub_zone().empty()) {
      absl::StrAppend(&node.locality, "/", locality.sub_zone());
    }
  }
  if (absl::Status status = SetPod(parts[2], node); !status.ok()) return status;
  nlohmann::json metadata = nlohmann::json::object();
  for (const auto& [key, value] : proto.metadata().fields()) {
    if (value.kind_case() == google::protobuf::Value::kStringValue) {
      metadata[key] = value.string_value();
    } else if (value.kind_case() == google::protobuf::Value::kStructValue) {
      nlohmann::json& object = metadata[key] = nlohmann::json::object();
      for (const auto& [name, text] : value.struct_value().fields()) {
        if (text.kind_case() == google::protobuf::Value::kStringValue) {
          object[name] = text.string_value();
        }
      }
    }
  }
  if (absl::Status status = ReadMetadata(metadata, node); !status.ok()) return status;
  return node;
}

absl::StatusOr<Node> ParseNodeJson(std::string_view text) {
  const nlohmann::json json =
      nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadJson("not a JSON object");
  Node node;
  std::string type = "sidecar";
  const std::pair<const char*, std::string*> fields[] = {
      {"id", &node.id}, {"name", &node.name},          {"ns", &node.ns},
      {"ip", &node.ip}, {"sa", &node.service_account}, {"type", &type},
  };
  for (const auto& [key, target] : fields) {
    const auto it = json.find(key);
    if (it == json.end()) continue;
    if (!it->is_string()) return BadJson(absl::StrCat(key, " is not text"));
    *target = it->get<std::string>();
  }
  if (node.id.empty() && node.name.empty()) return BadJson("no id");
  if (absl::Status status = SetType(type, node); !status.ok()) return status;
  if (!node.id.empty()) {
    // The pod's own name stands in the id; "name" may be its workload's.
    const std::string ns = node.ns;
    if (absl::Status status = SetPod(node.id, node); !status.ok()) return status;
    if (!ns.empty()) node.ns = ns;
  } else {
    node.id = absl::StrCat(node.name, ".", node.ns);
  }
  if (const auto labels = json.find("labels"); labels != json.end()) {
    if (!labels->is_object()) return BadJson("labels is not an object");
    for (const auto& [label, value] : labels->items()) {
      if (!value.is_string()) return BadJson(absl::StrCat("labels.", label, " is not text"));
      node.labels[label] = value.get<std::string>();
    }
  }
  if (const auto metadata = json.find("metadata"); metadata != json.end()) {
    if (!metadata->is_object()) return BadJson("metadata is not an object");
    if (absl::Status status = ReadMetadata(*metadata, node); !status.ok()) return status;
  }
  return node;
}

}  // namespace mesh::translate
