// The way of an input: cut at the lines that begin a document, so that a broken one costs no other;
// each document to a tree; the tree's envelope (apiVersion, kind, metadata) first, as it says what
// the rest is; then the message under it.

#include "mesh/config/read.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/arena.h"
#include "mesh/base/strings.h"
#include "mesh/config/cut_documents.h"
#include "mesh/config/kubernetes_defaults.h"
#include "mesh/config/mesh_config.h"
#include "mesh/config/message_reader.h"
#include "mesh/config/schema.h"
#include "mesh/config/utf8.h"
#include "mesh/config/yaml_events.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {
namespace {

using Entry = MessageReader::Entry;
using EntryList = MessageReader::EntryList;

class InputReader {
 public:
  InputReader(std::string_view file, const ReadOptions& options)
      : options_(options), file_(std::make_shared<const std::string>(file)) {}

  ReadResult Read(std::string_view bytes) {
    if (!CheckSize(bytes)) return std::move(result_);
    if (absl::StartsWith(Absl(bytes), "\xEF\xBB\xBF")) bytes.remove_prefix(3);
    ForEachDocument(bytes, [&](const YamlTree& tree) {
      if (tree.root() != 0 && !tree.IsNull(tree.root())) ReadRoot(tree, tree.root(), "", 0);
    });
    return std::move(result_);
  }

  ReadResult ReadAny(std::string_view bytes) {
    if (!CheckSize(bytes)) return std::move(result_);
    if (absl::StartsWith(Absl(bytes), "\xEF\xBB\xBF")) bytes.remove_prefix(3);
    ForEachDocument(bytes, [&](const YamlTree& tree) {
      if (tree.root() == 0 || tree.IsNull(tree.root())) return;
      const YamlNode& node = tree.node(tree.root());
      ReadObject object;
      object.position = At(node.line, node.column);
      KeepDocument(tree, tree.root(), &object);
      Add(std::move(object));
    });
    return std::move(result_);
  }

  // Whether it is too much.
  bool Refuse(uint64_t bytes) {
    if (bytes <= options_.max_bytes) return false;
    AddBroken(YamlError{
        absl::StrCat("the input has ", bytes, " bytes, at most ", options_.max_bytes, " are read"),
        1, 1});
    return true;
  }
  void RefuseLarger() {
    AddBroken(YamlError{absl::StrCat("the input has more than ", options_.max_bytes,
                                     " bytes, which are the most that are read"),
                        1, 1});
  }
  ReadResult TakeResult() { return std::move(result_); }

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
        ReadMeshDocument(&tree);
      });
    }
    if (!found && result_.errors.empty()) ReadMeshDocument(nullptr);
    return std::move(result_);
  }

 private:
  bool CheckSize(std::string_view bytes) { return !Refuse(bytes.size()); }

  // Plain documents by themselves. Of others one parser for many, as beginning costs more than a
  // small document. Where one is
  // broken, those from there on are read one by one until it is found and said, and then there are
  // few to a parser for a while.
  template <class F>
  void ForEachDocument(std::string_view bytes, F f) {
    const std::vector<Chunk> chunks = CutDocuments(bytes);
    // Of one object each, as most have; but not by what documents of a few bytes promise.
    const size_t objects = std::min(chunks.size(), bytes.size() / 128);
    result_.objects.reserve(objects);
    result_.resources.reserve(objects);
    size_t most = kMostTogether;
    for (size_t begin = 0; begin < chunks.size();) {
      if (tree_.ReadPlain(chunks[begin].bytes, chunks[begin].first_line)) {
        work_ = 0;
        f(tree_);
        ++begin;
        continue;
      }
      const char* const start = chunks[begin].bytes.data();
      size_t end = begin;
      size_t size = 0;
      while (end < chunks.size() && (end == begin || size < most)) {
        size = chunks[end].bytes.data() + chunks[end].bytes.size() - start;
        ++end;
      }
      const size_t next = ReadTogether(chunks, begin, end, std::string_view(start, size), f);
      most = next == end ? std::min(2 * most, kMostTogether) : 1;
      begin = next;
    }
  }

  // Where to go on: `end`, or behind the chunk that is broken.
  template <class F>
  size_t ReadTogether(const std::vector<Chunk>& chunks, size_t begin, size_t end,
                      std::string_view bytes, F f) {
    size_t at = begin;  // the chunk of the last document that was handed over
    size_t handed = 0;  // how many of it were
    bool broken = FindInvalidUtf8(bytes) != std::string_view::npos;
    if (!broken) {
      const std::unique_ptr<YamlEvents> events = ParseYaml(bytes, chunks[begin].first_line);
      YamlError error;
      while (tree_.Next(events.get(), &error)) {
        while (at + 1 < end && chunks[at + 1].first_line <= tree_.line()) ++at, handed = 0;
        ++handed;
        work_ = 0;
        f(tree_);
      }
      broken = !error.message.empty();
    }
    if (!broken) return end;
    for (; at < end; ++at, handed = 0) {
      if (!ForEachTree(chunks[at], f, handed)) return at + 1;
    }
    return end;
  }

  // The documents of one chunk but the first `skip`. False: there is an error, and it was said.
  template <class F>
  bool ForEachTree(const Chunk& chunk, F f, size_t skip = 0) {
    const size_t invalid = FindInvalidUtf8(chunk.bytes);
    if (invalid != std::string_view::npos) {
      const std::string_view before = chunk.bytes.substr(0, invalid);
      const size_t newline = before.rfind('\n');
      AddBroken(YamlError{
          "this byte is not UTF-8; save the file as UTF-8",
          chunk.first_line + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          static_cast<int>(invalid - (newline == std::string_view::npos ? 0 : newline + 1)) + 1});
      return false;
    }
    const std::unique_ptr<YamlEvents> events = ParseYaml(chunk.bytes, chunk.first_line);
    for (size_t number = 0;; ++number) {
      YamlError error;
      if (!tree_.Next(events.get(), &error)) {
        if (error.message.empty()) return true;
        AddBroken(std::move(error));
        return false;
      }
      if (number < skip) continue;
      work_ = 0;
      f(tree_);
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
  static std::string_view TextOf(const YamlTree& tree, const EntryList& entries,
                                 std::string_view name) {
    const uint32_t value = ValueOf(tree, entries, name);
    if (value == 0 || tree.node(value).type != YamlNode::Type::kScalar || tree.IsNull(value)) {
      return std::string_view();
    }
    return tree.text(tree.node(value));
  }
  static uint32_t ValueOf(const YamlTree& tree, const EntryList& entries, std::string_view name) {
    for (const Entry& entry : entries) {
      if (tree.text(tree.node(entry.key)) == name) return entry.value;
    }
    return 0;
  }
  static uint32_t KeyOf(const YamlTree& tree, const EntryList& entries, std::string_view name) {
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
    const EntryList entries = reader.Entries(root);
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
      const EntryList fields = MessageReader(tree, file_, &work_).Entries(metadata);
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
      if (options_.keep_unknown) KeepDocument(tree, root, &object);
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

  void KeepDocument(const YamlTree& tree, uint32_t root, ReadObject* object) {
    auto document = std::make_shared<Document>();
    MessageReader reader(tree, file_, &work_);
    reader.ReadStruct(root, &document->content);
    document->positions = reader.TakePositions();
    object->errors = reader.TakeErrors();
    object->document = std::move(document);
  }

  static std::string LooseName(const ReadObject& object) {
    if (object.kind.empty()) return "";
    if (object.name.empty()) return object.kind;
    return object.ns.empty() ? absl::StrCat(object.kind, " ", object.name)
                             : absl::StrCat(object.kind, " ", object.ns, "/", object.name);
  }

  void ReadKnown(const YamlTree& tree, uint32_t root, const EntryList& entries,
                 const KindInfo& info, MessageReader* reader, ReadObject* object) {
    reader->ExpectObject();
    Resource::Parts parts;
    parts.kind = info.kind;
    parts.api_version = object->api_version;
    parts.position = object->position;
    // One arena an object: its fields are made together and go together.
    google::protobuf::ArenaOptions arena_options;
    // As messages turn out, for one block to be enough; a large tree is likely that of many
    // objects.
    arena_options.start_block_size =
        tree.size() > 1000 ? 2048 : std::max<size_t>(36 * tree.size() + 256, 512);
    const auto arena = std::make_shared<google::protobuf::Arena>(arena_options);
    google::protobuf::Message* const message = info.prototype->New(arena.get());

    // Only for a while, so from the stack where it suffices.
    alignas(std::max_align_t) char block[2048];
    google::protobuf::ArenaOptions scratch_options;
    scratch_options.initial_block = block;
    scratch_options.initial_block_size = sizeof(block);
    google::protobuf::Arena scratch(scratch_options);
    auto& meta = *google::protobuf::Arena::CreateMessage<kubernetes::v1::ObjectMeta>(&scratch);
    MessageReader::Options lenient;
    lenient.strict = false;
    bool has_metadata = false;
    for (const Entry& entry : entries) {
      const std::string_view name = tree.text(tree.node(entry.key));
      if (name == "metadata") {
        has_metadata = true;
        reader->Open("metadata", entry.key);
        if (info.istio) CheckMetadataFields(tree, entry.value, reader);
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
        reader->Read(entry.value, MessageReader::Options(), message);
        reader->Close();
      } else if (info.istio) {
        reader->FailUnknown(entry.key, {"apiVersion", "kind", "metadata", "spec", "status"});
      }
    }
    if (!has_metadata) {
      reader->Fail(entries.empty() ? root : entries[0].key, "metadata.name is missing");
    }
    if (!info.istio) reader->Read(root, lenient, message);

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
    ApplyKubernetesDefaults(info.kind, message);
    parts.spec = std::shared_ptr<const google::protobuf::Message>(arena, message);
    parts.positions = reader->TakePositions();
    object->resource = std::make_shared<const Resource>(std::move(parts));
  }

  // Of metadata more than we read is right, but not what Kubernetes does not know.
  static void CheckMetadataFields(const YamlTree& tree, uint32_t metadata, MessageReader* reader) {
    if (tree.node(metadata).type != YamlNode::Type::kMapping) return;
    const MessageSchema& read = SchemaOf(kubernetes::v1::ObjectMeta::descriptor());
    constexpr std::string_view kNotRead[] = {"clusterName",   "deletionGracePeriodSeconds",
                                             "finalizers",    "initializers",
                                             "managedFields", "selfLink"};
    uint32_t value = 0;
    for (uint32_t key = tree.node(metadata).first; key != 0; key = tree.raw(value).next) {
      value = tree.raw(key).next;
      if (tree.node(key).type != YamlNode::Type::kScalar) continue;
      const std::string_view name = tree.text(tree.node(key));
      if (name == "<<" || read.Find(name) != nullptr ||
          std::find(std::begin(kNotRead), std::end(kNotRead), name) != std::end(kNotRead)) {
        continue;
      }
      std::vector<std::string_view> known(std::begin(kNotRead), std::end(kNotRead));
      for (const FieldSchema& field : read.fields) known.push_back(field.json_name);
      reader->FailUnknown(key, std::move(known));
    }
  }

  static void FillMetadata(const YamlTree& tree, const EntryList& entries,
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

  void ReadMeshDocument(const YamlTree* tree) {
    ReadObject object;
    object.kind = std::string(KindName(Kind::kMeshConfig));
    object.name = "mesh";
    object.position = At(1, 1);
    Resource::Parts parts;
    parts.kind = Kind::kMeshConfig;
    parts.metadata.name = object.name;
    auto message = std::make_shared<istio::mesh::v1alpha1::MeshConfig>(DefaultMeshConfig());
    if (tree != nullptr) {
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
  static constexpr size_t kMostTogether = 64 << 10;

  const ReadOptions& options_;
  const std::shared_ptr<const std::string> file_;
  ReadResult result_;
  YamlTree tree_;    // of the document at hand
  size_t work_ = 0;  // that the document has been so far, for all its objects together
};

}  // namespace

ReadResult ReadYaml(std::string_view file, std::string_view bytes, const ReadOptions& options) {
  return InputReader(file, options).Read(bytes);
}

ReadResult ReadDocuments(std::string_view file, std::string_view bytes,
                         const ReadOptions& options) {
  return InputReader(file, options).ReadAny(bytes);
}

ReadResult ReadMeshConfig(std::string_view file, std::string_view bytes,
                          const ReadOptions& options) {
  return InputReader(file, options).ReadMesh(bytes);
}

std::optional<ReadResult> RefuseSize(std::string_view file, uint64_t bytes,
                                     const ReadOptions& options) {
  InputReader reader(file, options);
  if (!reader.Refuse(bytes)) return std::nullopt;
  return reader.TakeResult();
}

ReadResult RefuseLarger(std::string_view file, const ReadOptions& options) {
  InputReader reader(file, options);
  reader.RefuseLarger();
  return reader.TakeResult();
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
