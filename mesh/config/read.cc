// The way of an input: cut at the lines that begin a document, so that a broken one costs no other;
// each document to a tree; the tree's envelope (apiVersion, kind, metadata) first, as it says what
// the rest is; then the message under it.

#include "mesh/config/read.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/base/strings.h"
#include "mesh/config/kubernetes_defaults.h"
#include "mesh/config/mesh_config.h"
#include "mesh/config/message_reader.h"
#include "mesh/config/utf8.h"
#include "mesh/config/yaml_events.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {
namespace {

using Entry = MessageReader::Entry;

struct Chunk {
  std::string_view bytes;
  int first_line = 1;
};

bool StartsDocument(std::string_view line) {
  return line.substr(0, 3) == "---" &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// Nothing but a comment, to any reader of YAML: it does not end before its line does, and has no
// character that YAML refuses. `line` begins with '#'.
bool IsComment(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  bool ascii = true;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) return false;
    ascii = ascii && byte < 0x80;
  }
  if (ascii) return true;
  if (FindInvalidUtf8(line) != std::string_view::npos) return false;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    // C1 controls and NEL; LS and PS; the byte order mark and what is no character.
    if (line[i] == '\xC2' && static_cast<unsigned char>(line[i + 1]) < 0xA0) return false;
    const std::string_view three = line.substr(i, 3);
    for (const std::string_view bad :
         {"\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF", "\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
      if (three == bad) return false;
    }
  }
  return true;
}

// In YAML nothing but the beginning of a document can look like "---" at the start of a line, not
// even the text of a block: cutting there is exact.
std::vector<Chunk> CutDocuments(std::string_view bytes) {
  std::vector<Chunk> chunks;
  size_t begin = 0;
  int begin_line = 1;
  int line_number = 1;
  bool content = false;  // whether the chunk has more than comments and directives
  for (size_t at = 0; at < bytes.size(); ++line_number) {
    const size_t newline = bytes.find('\n', at);
    const size_t end = newline == std::string_view::npos ? bytes.size() : newline;
    std::string_view line = bytes.substr(at, end - at);
    if (StartsDocument(line)) {
      if (content) {
        chunks.push_back({bytes.substr(begin, at - begin), begin_line});
        begin = at;
        begin_line = line_number;
        content = false;
      }
      line.remove_prefix(3);
    } else if (!line.empty() && line[0] == '%') {
      line = std::string_view();
    }
    if (!content) {
      const size_t first = line.find_first_not_of(" \t\r");
      content =
          first != std::string_view::npos && (line[first] != '#' || !IsComment(line.substr(first)));
    }
    if (newline == std::string_view::npos) break;
    at = newline + 1;
  }
  if (begin < bytes.size()) chunks.push_back({bytes.substr(begin), begin_line});
  return chunks;
}

class InputReader {
 public:
  InputReader(std::string_view file, const ReadOptions& options)
      : options_(options), file_(std::make_shared<const std::string>(file)) {}

  ReadResult Read(std::string_view bytes) {
    if (!CheckSize(bytes)) return std::move(result_);
    if (absl::StartsWith(Absl(bytes), "\xEF\xBB\xBF")) bytes.remove_prefix(3);
    for (const Chunk& chunk : CutDocuments(bytes)) {
      ForEachTree(chunk, [&](const YamlTree& tree) {
        if (tree.root() != 0 && !tree.IsNull(tree.root())) ReadRoot(tree, tree.root(), "", 0);
      });
    }
    return std::move(result_);
  }

  ReadResult ReadMesh(std::string_view bytes) {
    if (!CheckSize(bytes)) return std::move(result_);
    if (absl::StartsWith(Absl(bytes), "\xEF\xBB\xBF")) bytes.remove_prefix(3);
    bool found = false;
    for (const Chunk& chunk : CutDocuments(bytes)) {
      ForEachTree(chunk, [&](const YamlTree& tree) {
        if (tree.root() == 0 || tree.IsNull(tree.root())) return;
        if (found) {
          const YamlNode& node = tree.node(tree.root());
          AddBroken(YamlError{"a mesh has one MeshConfig, this is a second document", node.line,
                              node.column});
          return;
        }
        found = true;
        ReadMeshDocument(tree);
      });
    }
    if (!found && result_.errors.empty()) ReadMeshDocument(std::nullopt);
    return std::move(result_);
  }

 private:
  bool CheckSize(std::string_view bytes) {
    if (bytes.size() <= options_.max_bytes) return true;
    AddBroken(YamlError{absl::StrCat("the input has ", bytes.size(), " bytes, at most ",
                                     options_.max_bytes, " are read"),
                        1, 1});
    return false;
  }

  template <class F>
  void ForEachTree(const Chunk& chunk, F f) {
    const size_t invalid = FindInvalidUtf8(chunk.bytes);
    if (invalid != std::string_view::npos) {
      const std::string_view before = chunk.bytes.substr(0, invalid);
      const size_t newline = before.rfind('\n');
      AddBroken(YamlError{
          "this byte is not UTF-8; save the file as UTF-8",
          chunk.first_line + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          static_cast<int>(invalid - (newline == std::string_view::npos ? 0 : newline + 1)) + 1});
      return;
    }
    const std::unique_ptr<YamlEvents> events = ParseYaml(chunk.bytes, chunk.first_line);
    for (;;) {
      YamlError error;
      const std::optional<YamlTree> tree = YamlTree::Next(events.get(), &error);
      if (!tree.has_value()) {
        if (!error.message.empty()) AddBroken(std::move(error));
        return;
      }
      work_ = 0;
      f(*tree);
    }
  }

  SourcePosition At(int line, int column) const { return SourcePosition{file_, line, column}; }

  // A document of which not even the envelope is known.
  void AddBroken(YamlError error) {
    ReadObject object;
    object.position = At(error.line, error.column);
    object.errors.push_back(FieldError{object.position, "", "", std::move(error.message)});
    result_.incomplete = true;
    Add(std::move(object));
  }

  void Add(ReadObject object) {
    result_.errors.insert(result_.errors.end(), object.errors.begin(), object.errors.end());
    if (!object.skipped.empty()) result_.skipped.push_back(result_.objects.size());
    if (object.resource != nullptr) result_.resources.push_back(object.resource);
    result_.objects.push_back(std::move(object));
  }

  // What stands under `name`, without complaint.
  static std::string_view TextOf(const YamlTree& tree, const std::vector<Entry>& entries,
                                 std::string_view name) {
    const uint32_t value = ValueOf(tree, entries, name);
    if (value == 0 || tree.node(value).type != YamlNode::Type::kScalar || tree.IsNull(value)) {
      return std::string_view();
    }
    return tree.text(tree.node(value));
  }
  static uint32_t ValueOf(const YamlTree& tree, const std::vector<Entry>& entries,
                          std::string_view name) {
    for (const Entry& entry : entries) {
      if (tree.text(tree.node(entry.key)) == name) return entry.value;
    }
    return 0;
  }
  static uint32_t KeyOf(const YamlTree& tree, const std::vector<Entry>& entries,
                        std::string_view name) {
    for (const Entry& entry : entries) {
      if (tree.text(tree.node(entry.key)) == name) return entry.key;
    }
    return 0;
  }

  // `list_kind` is the kind of the items of a list that says it, such as VirtualServiceList.
  void ReadRoot(const YamlTree& tree, uint32_t root, std::string_view list_kind, int depth) {
    const YamlNode& node = tree.node(root);
    if (node.type != YamlNode::Type::kMapping) {
      AddBroken(YamlError{absl::StrCat("an object with apiVersion and kind is wanted, this is ",
                                       DescribeNode(tree, root)),
                          tree.raw(root).line, tree.raw(root).column});
      return;
    }
    MessageReader reader(tree, file_, &work_);
    const std::vector<Entry> entries = reader.Entries(root);
    ReadObject object;
    object.position = At(node.line, node.column);
    if (!entries.empty()) {
      const YamlNode& first = tree.raw(entries[0].key);
      object.position = At(first.line, first.column);
    }
    object.api_version = std::string(TextOf(tree, entries, "apiVersion"));
    object.kind = std::string(TextOf(tree, entries, "kind"));
    if (object.kind.empty()) object.kind = std::string(list_kind);

    const uint32_t items = ValueOf(tree, entries, "items");
    if (absl::EndsWith(object.kind, "List") && items != 0 && !tree.IsNull(items) &&
        tree.node(items).type == YamlNode::Type::kSequence && depth < 10) {
      const std::string item_kind = object.kind.substr(0, object.kind.size() - 4);
      for (uint32_t item = tree.node(items).first; item != 0; item = tree.raw(item).next) {
        if (!tree.IsNull(item)) ReadRoot(tree, item, item_kind, depth + 1);
        if (work_ > MessageReader::MostWork(tree)) {
          result_.incomplete = true;  // the item has said why
          return;
        }
        if (result_.objects.size() > kMaxObjects) {
          AddBroken(YamlError{"the input has more than a million objects", tree.raw(item).line,
                              tree.raw(item).column});
          return;
        }
      }
      return;
    }
    if (object.kind == "List" && depth < 10) {
      if (items != 0 && !tree.IsNull(items)) {
        reader.Open("items", KeyOf(tree, entries, "items"));
        reader.FailType(items, "a list");
        reader.Close();
        object.errors = reader.TakeErrors();
        result_.incomplete = true;
        Add(std::move(object));
      }
      return;
    }

    if (const uint32_t metadata = ValueOf(tree, entries, "metadata");
        metadata != 0 && tree.node(metadata).type == YamlNode::Type::kMapping) {
      const std::vector<Entry> fields = MessageReader(tree, file_, &work_).Entries(metadata);
      object.name = std::string(TextOf(tree, fields, "name"));
      object.ns = std::string(TextOf(tree, fields, "namespace"));
    }
    const size_t slash = object.api_version.find('/');
    const std::string_view api_version = object.api_version;
    const std::string_view group =
        slash == std::string::npos ? std::string_view() : api_version.substr(0, slash);
    const std::string_view version =
        slash == std::string::npos ? api_version : api_version.substr(slash + 1);
    const std::optional<Kind> kind = FindKind(group, object.kind);
    for (const char* name : {"apiVersion", "kind"}) {
      const uint32_t key = KeyOf(tree, entries, name);
      const uint32_t value = ValueOf(tree, entries, name);
      if (key != 0 && !tree.IsNull(value)) {
        const YamlNode& said = tree.node(value);
        if (said.type != YamlNode::Type::kScalar ||
            tree.Resolve(said).type != Scalar::Type::kString) {
          reader.Open(name, key);
          reader.FailType(value, "a string");
          reader.Close();
        }
      } else if (name != std::string_view("kind") || object.kind.empty()) {
        reader.Fail(entries.empty() ? root : entries[0].key,
                    absl::StrCat(name, " is missing: every object has apiVersion and kind"));
      }
    }
    if (!reader.errors().empty() && (!kind.has_value() || object.kind.empty())) {
      object.errors = reader.TakeErrors();
      for (FieldError& error : object.errors) error.object = LooseName(object);
      result_.incomplete = true;
      Add(std::move(object));
      return;
    }
    if (!kind.has_value()) {
      object.skipped = "unknown kind";
      Add(std::move(object));
      return;
    }
    const KindInfo& info = InfoOf(*kind);
    if (!info.namespaced) {
      object.ns.clear();
    } else if (object.ns.empty()) {
      object.ns = options_.default_namespace;
    }
    if (!version.empty() &&
        std::find(info.versions.begin(), info.versions.end(), version) == info.versions.end()) {
      std::string known;
      for (std::string_view v : info.versions) {
        absl::StrAppend(&known, known.empty() ? "" : ", ", Absl(group), group.empty() ? "" : "/",
                        Absl(v));
      }
      reader.Open("apiVersion", KeyOf(tree, entries, "apiVersion"));
      reader.Fail(ValueOf(tree, entries, "apiVersion"),
                  absl::StrCat("\"", object.api_version, "\" is no version of ", object.kind,
                               "; there is ", known));
      reader.Close();
    }
    ReadKnown(tree, root, entries, info, &reader, &object);
    Add(std::move(object));
  }

  static std::string LooseName(const ReadObject& object) {
    if (object.kind.empty()) return "";
    if (object.name.empty()) return object.kind;
    return object.ns.empty() ? absl::StrCat(object.kind, " ", object.name)
                             : absl::StrCat(object.kind, " ", object.ns, "/", object.name);
  }

  void ReadKnown(const YamlTree& tree, uint32_t root, const std::vector<Entry>& entries,
                 const KindInfo& info, MessageReader* reader, ReadObject* object) {
    Resource::Parts parts;
    parts.kind = info.kind;
    parts.api_version = object->api_version;
    parts.position = object->position;
    std::unique_ptr<google::protobuf::Message> message(info.prototype->New());

    kubernetes::v1::ObjectMeta meta;
    MessageReader::Options lenient;
    lenient.strict = false;
    bool has_metadata = false;
    for (const Entry& entry : entries) {
      const std::string_view name = tree.text(tree.node(entry.key));
      if (name == "metadata") {
        has_metadata = true;
        reader->Open("metadata", entry.key);
        reader->Read(entry.value, lenient, &meta);
        if (meta.name().empty() && reader->errors().empty()) {
          reader->Fail(entry.key, meta.generate_name().empty()
                                      ? "name is missing"
                                      : "name is missing: generateName is only for an API server");
        }
        reader->Close();
      } else if (name == "apiVersion" || name == "kind" || (info.istio && name == "status")) {
        reader->Open(name == "kind"     ? "kind"
                     : name == "status" ? "status"
                                        : "apiVersion",
                     entry.key);
        reader->Close();
      } else if (info.istio && name == "spec") {
        reader->Open("spec", entry.key);
        reader->Read(entry.value, MessageReader::Options(), message.get());
        reader->Close();
      } else if (info.istio) {
        reader->FailUnknown(entry.key, {"apiVersion", "kind", "metadata", "spec", "status"});
      }
    }
    if (!has_metadata) {
      reader->Fail(entries.empty() ? root : entries[0].key, "metadata.name is missing");
    }
    if (!info.istio) reader->Read(root, lenient, message.get());

    FillMetadata(tree, entries, meta, reader, &parts.metadata);
    parts.metadata.name = object->name;
    parts.metadata.ns = object->ns;
    object->errors = reader->TakeErrors();
    if (!object->errors.empty()) {
      for (FieldError& error : object->errors) {
        error.object = LooseName(*object);
        if (info.kind == Kind::kSecret && (absl::StartsWith(error.field, "data") ||
                                           absl::StartsWith(error.field, "stringData"))) {
          // The usual words repeat the value.
          error.message = "is no text: write it in quotes (it is not repeated here)";
        }
      }
      return;
    }
    ApplyKubernetesDefaults(info.kind, message.get());
    parts.spec = std::move(message);
    parts.positions = reader->TakePositions();
    object->resource = std::make_shared<const Resource>(std::move(parts));
  }

  static void FillMetadata(const YamlTree& tree, const std::vector<Entry>& entries,
                           const kubernetes::v1::ObjectMeta& meta, MessageReader* reader,
                           Metadata* out) {
    out->labels = {meta.labels().begin(), meta.labels().end()};
    out->annotations = {meta.annotations().begin(), meta.annotations().end()};
    out->uid = meta.uid();
    out->resource_version = meta.resource_version();
    for (const kubernetes::v1::OwnerReference& owner : meta.owner_references()) {
      out->owners.push_back({owner.kind(), owner.name()});
    }
    if (meta.creation_timestamp().empty()) return;
    absl::Time time;
    std::string error;
    if (absl::ParseTime(absl::RFC3339_full, meta.creation_timestamp(), &time, &error)) {
      out->creation = time;
    } else {
      reader->Fail(KeyOf(tree, entries, "metadata"),
                   absl::StrCat("metadata.creationTimestamp: \"", meta.creation_timestamp(),
                                "\" is not a time such as 2020-01-31T12:00:00Z"));
    }
  }

  void ReadMeshDocument(const std::optional<YamlTree>& tree) {
    ReadObject object;
    object.kind = std::string(KindName(Kind::kMeshConfig));
    object.name = "mesh";
    object.position = At(1, 1);
    Resource::Parts parts;
    parts.kind = Kind::kMeshConfig;
    parts.metadata.name = object.name;
    auto message = std::make_shared<istio::mesh::v1alpha1::MeshConfig>(DefaultMeshConfig());
    if (tree.has_value()) {
      const YamlNode& node = tree->node(tree->root());
      object.position = At(node.line, node.column);
      MessageReader reader(*tree, file_, &work_);
      MessageReader::Options options;
      options.on_top = true;
      reader.Read(tree->root(), options, message.get());
      object.errors = reader.TakeErrors();
      for (FieldError& error : object.errors) error.object = "MeshConfig";
      parts.positions = reader.TakePositions();
    }
    if (object.errors.empty()) {
      parts.position = object.position;
      parts.spec = std::move(message);
      object.resource = std::make_shared<const Resource>(std::move(parts));
    }
    Add(std::move(object));
  }

  static constexpr size_t kMaxObjects = 1000000;

  const ReadOptions& options_;
  const std::shared_ptr<const std::string> file_;
  ReadResult result_;
  size_t work_ = 0;  // that the document has been so far, for all its objects together
};

}  // namespace

ReadResult ReadYaml(std::string_view file, std::string_view bytes, const ReadOptions& options) {
  return InputReader(file, options).Read(bytes);
}

ReadResult ReadMeshConfig(std::string_view file, std::string_view bytes,
                          const ReadOptions& options) {
  return InputReader(file, options).ReadMesh(bytes);
}

FieldError DuplicateError(const Resource& first, const Resource& second) {
  return FieldError{second.position(), second.ObjectName(), "",
                    absl::StrCat("is also at ", first.position().ToString(),
                                 ", which stays in force; keep one of the two or rename it")};
}

void RefuseDuplicates(std::vector<ReadResult>* inputs) {
  std::map<Key, ResourcePtr> first;
  for (ReadResult& input : *inputs) {
    bool any = false;
    for (ReadObject& object : input.objects) {
      if (object.resource == nullptr) continue;
      const auto [at, added] = first.emplace(object.resource->key(), object.resource);
      if (added) continue;
      object.errors.push_back(DuplicateError(*at->second, *object.resource));
      object.resource = nullptr;
      any = true;
    }
    if (!any) continue;
    input.resources.clear();
    input.errors.clear();
    for (const ReadObject& object : input.objects) {
      if (object.resource != nullptr) input.resources.push_back(object.resource);
      input.errors.insert(input.errors.end(), object.errors.begin(), object.errors.end());
    }
  }
}

}  // namespace mesh::config
