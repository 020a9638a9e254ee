#include "mesh/analysis/input.h"

#include <utility>

#include "mesh/analysis/document.h"
#include "mesh/base/strings.h"

namespace mesh::analysis {
namespace {

constexpr char kRootNamespace[] = "istio-system";

// The text under `data.KEY` of Istio's ConfigMap; null for other objects.
const std::string* IstioSetting(const config::ReadObject& object, std::string_view key) {
  if (object.kind != "ConfigMap" || object.name != "istio" || object.document == nullptr) {
    return nullptr;
  }
  const std::string* text = FindText(object.document->content, {"data", key});
  return text == nullptr || text->empty() ? nullptr : text;
}

// The positions of a text inside a text say nothing: they become those of its key.
void MoveErrors(std::vector<FieldError> errors, const config::ReadObject& map,
                const std::string& key, UnreadObject* to) {
  to->position = map.position;
  for (FieldError& error : errors) {
    error.position = map.position;
    const auto place = map.document->positions.Find("data." + key);
    if (place.line > 0) {
      error.position.line = place.line;
      error.position.column = place.column;
    }
    error.field = error.field.empty() ? "data." + key : "data." + key + ": " + error.field;
    to->errors.push_back(std::move(error));
  }
}

void ReadMesh(const config::ReadObject& object, std::vector<config::ResourcePtr>* resources,
              Options* options) {
  const std::string* text = IstioSetting(object, "mesh");
  if (text == nullptr) return;
  config::ReadResult read = config::ReadMeshConfig("", *text);
  if (!read.errors.empty()) {
    UnreadObject unread;
    unread.kind = object.kind;
    unread.ns = object.ns;
    unread.name = object.name;
    MoveErrors(std::move(read.errors), object, "mesh", &unread);
    options->unread.push_back(std::move(unread));
  }
  for (const config::ResourcePtr& resource : read.resources) {
    resources->push_back(
        config::MakeResource(config::Kind::kMeshConfig, resource->metadata(), resource->spec()));
  }
}

void AddNetworks(const config::ReadObject& object, const SourcePosition& position,
                 Options* options) {
  UnreadObject networks;
  networks.kind = "MeshNetworks";
  networks.ns = kRootNamespace;
  networks.name = "meshnetworks";
  networks.position = position;
  networks.document = object.document;
  networks.errors = object.errors;
  options->unread.push_back(std::move(networks));
}

void ReadNetworks(const config::ReadObject& object, Options* options) {
  const std::string* text = IstioSetting(object, "meshNetworks");
  if (text == nullptr) return;
  config::ReadResult documents = config::ReadDocuments("", *text);
  for (config::ReadObject& read : documents.objects) {
    if (read.document == nullptr) continue;
    auto document = std::make_shared<config::Document>();
    document->content = read.document->content;  // without positions, which are not the file's
    read.document = std::move(document);
    AddNetworks(read, object.position, options);
  }
}

// Kinds that are not read and whose objects have namespaces, as far as a check looks for them.
bool HasNamespace(std::string_view kind) { return kind == "Secret" || kind == "ConfigMap"; }

}  // namespace

SourcePosition UnreadObject::PositionOf(std::string_view field) const {
  SourcePosition found = position;
  if (document != nullptr) {
    const auto place = document->positions.Find(field);
    if (place.line > 0) {
      found.line = place.line;
      found.column = place.column;
    }
  }
  return found;
}

config::ReadOptions ReadOptions(std::string_view default_namespace) {
  config::ReadOptions options;
  options.default_namespace = std::string(default_namespace);
  options.keep_unknown = true;
  return options;
}

Input ToInput(std::vector<config::ReadResult> files, std::string_view default_namespace) {
  config::RefuseDuplicates(&files);
  Input input;
  std::vector<config::ResourcePtr> resources;
  std::vector<config::ResourcePtr> meshes;
  for (config::ReadResult& file : files) {
    for (config::ReadObject& object : file.objects) {
      if (object.resource != nullptr) {
        resources.push_back(object.resource);
        if (object.resource->kind() == config::Kind::kMeshConfig) {
          meshes.push_back(object.resource);
        }
        continue;
      }
      if (object.ns.empty() && HasNamespace(object.kind))
        object.ns = std::string(default_namespace);
      if (object.document != nullptr) {
        if (meshes.empty()) ReadMesh(object, &resources, &input.options);
        ReadNetworks(object, &input.options);
      }
      input.options.unread.push_back({object.kind, object.api_version, object.ns, object.name,
                                      object.position, std::move(object.errors),
                                      std::move(object.document)});
    }
  }
  // A MeshConfig of its own comes before that of a ConfigMap.
  resources.insert(resources.begin(), meshes.begin(), meshes.end());
  input.snapshot = config::Snapshot::Of(std::move(resources));
  return input;
}

void AddMeshNetworks(std::string_view file, std::string_view bytes, Input* input) {
  const config::ReadResult documents = config::ReadDocuments(file, bytes);
  for (const config::ReadObject& object : documents.objects) {
    AddNetworks(object, object.position, &input->options);
  }
}

}  // namespace mesh::analysis
