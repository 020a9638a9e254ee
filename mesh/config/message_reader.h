// Fills protobuf messages from a YAML tree, noting where each field stands and all that is wrong.
#ifndef MESH_CONFIG_MESSAGE_READER_H_
#define MESH_CONFIG_MESSAGE_READER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/config/positions.h"
#include "mesh/config/schema.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {

// For one object of a document. Not thread-safe; borrows the tree. Cost: linear in the tree.
//
// In three files: message_reader.cc is the walk, message_values.cc reads single values,
// mapping_entries.cc applies merges and finds keys given twice.
class MessageReader {
 public:
  struct Options {
    // Whether an unknown field is an error.
    bool strict = true;
    // What a list holds already is dropped when the input has the field; messages are filled up.
    bool on_top = false;
  };
  // How much of one object is said to be wrong.
  static constexpr size_t kMostErrors = 1000;

  // `work` counts what has been read of the tree, by all readers of it together: aliases let a
  // small text stand for a large one. Null: this reader's own.
  MessageReader(const YamlTree& tree, std::shared_ptr<const std::string> file,
                size_t* work = nullptr)
      : tree_(tree),
        file_(std::move(file)),
        limit_(MostWork(tree)),
        work_(work == nullptr ? &own_work_ : work) {}
  // More work than any reading of the tree is without aliases, and what they may add.
  static size_t MostWork(const YamlTree& tree) {
    return 4 * tree.size() + tree.text_size() / 16 + kMostAliased;
  }
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // Makes room for the positions of a whole object, which is about to be read.
  void ExpectObject() {
    // In few sizes, which the allocator finds again.
    reserved_ = tree_.size() <= kSmallTree ? (tree_.fields() + 15) / 16 * 16 : 64;
    positions_.Reserve(reserved_);
  }

  // The key and value nodes of a mapping, merges applied; a key given twice is an error and the
  // first one counts. Empty where aliases have expanded to more than anybody means.
  struct Entry {
    uint32_t key;
    uint32_t value;
  };
  using EntryList = absl::InlinedVector<Entry, 12>;
  EntryList Entries(uint32_t mapping);

  // Reads `mapping` into `message`, whose fields are below the field that is open.
  void Read(uint32_t mapping, const Options& options, google::protobuf::Message* message) {
    Read(mapping, SchemaOf(message->GetDescriptor()), options, message);
  }

  // Reads a mapping of any form.
  void ReadStruct(uint32_t value, google::protobuf::Struct* out);

  // Opens a field by its key; what is read until Close() stands below it. `name` lives forever.
  void Open(std::string_view name, uint32_t key);
  void OpenIndex(uint32_t index, uint32_t item);
  void Close();

  // An error at a node, about the field that is open.
  void Fail(uint32_t node, std::string message);
  // `node` is not `wanted` ("a mapping"). Names the traps of YAML where one may have bitten.
  void FailType(uint32_t node, std::string_view wanted);
  void FailUnknown(uint32_t key, std::vector<std::string_view> known);

  const std::vector<FieldError>& errors() const { return errors_; }
  std::vector<FieldError> TakeErrors() { return std::move(errors_); }
  Positions TakePositions();
  // Whether aliases have expanded to more than anybody means.
  bool exhausted() const { return *work_ > limit_; }

 private:
  struct Step {
    std::string_view name;  // data() null: an index
    uint32_t index = 0;
    bool is_map_key = false;
  };
  using Message = google::protobuf::Message;

  // Likely one object's, so that what it takes can be told from it.
  static constexpr size_t kSmallTree = 1000;
  // What aliases may stand for beyond what is written out, in nodes.
  static constexpr size_t kMostAliased = 100000;
  // Errors that come with a guess of what was meant, which costs.
  static constexpr size_t kMostGuesses = 50;

  // Counts the work that a node is; false: it is too much.
  bool Visit(uint32_t node);
  bool Spend(uint32_t node, size_t work);
  void FollowMerges(std::vector<uint32_t> merges, class EntrySet* entries);
  // A bare key that is no string to YAML, where one is meant.
  void CheckStringKey(uint32_t key);
  std::string Path() const;
  Positions::Place PlaceOf(uint32_t node) const;

  void Read(uint32_t mapping, const MessageSchema& schema, const Options& options,
            Message* message);
  void ReadField(const FieldSchema& schema, uint32_t value, const Options& options,
                 Message* message);
  void ReadMap(const FieldSchema& schema, uint32_t value, const Options& options, Message* message);
  void ReadStringMap(const FieldSchema& schema, uint32_t value, Message* message);
  // One value: an item of a list, or the field itself.
  void ReadValue(const FieldSchema& schema, uint32_t value, const Options& options,
                 Message* message);
  Message* SubMessage(const FieldSchema& schema, Message* message);
  void ReadNumber(const FieldSchema& schema, uint32_t value, Message* message);
  void ReadEnum(const FieldSchema& schema, uint32_t value, Message* message);
  void ReadBytes(const FieldSchema& schema, uint32_t value, Message* message);
  void ReadDuration(uint32_t value, Message* duration);
  void ReadTimestamp(uint32_t value, Message* timestamp);
  void ReadIntOrString(uint32_t value, Message* message);
  void ReadJsonValue(uint32_t value, google::protobuf::Value* out);
  // Nothing: it is no string, and that was said. Empty for null.
  std::optional<std::string_view> ReadText(uint32_t value);
  void CheckOneof(const FieldSchema& schema, uint32_t key, const Message& message);

  const YamlTree& tree_;
  const std::shared_ptr<const std::string> file_;
  Positions positions_;
  absl::InlinedVector<Step, 24> path_;
  std::vector<FieldError> errors_;
  const size_t limit_;
  size_t own_work_ = 0;
  size_t* const work_;
  bool said_exhausted_ = false;
  std::unordered_set<uint32_t> bad_keys_;  // those that an error has named
  size_t reserved_ = 0;                    // fields that there is room for
  size_t opened_ = 0;                      // fields that there were
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_MESSAGE_READER_H_
