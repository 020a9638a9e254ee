// What the reader needs to know of messages, looked up once: fields by name, and how each is read.
#ifndef MESH_CONFIG_SCHEMA_H_
#define MESH_CONFIG_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace mesh::config {

struct MessageSchema;

struct FieldSchema {
  enum class Form {
    kBool,
    kInt32,
    kInt64,
    kUint32,
    kUint64,
    kFloat,
    kDouble,
    kString,
    kBytes,
    kEnum,
    kMessage,
    // Messages whose JSON form is not that of their fields.
    kDuration,
    kTimestamp,
    kStruct,
    kValue,
    kListValue,
    kWrapper,      // `message` has the one field "value"
    kIntOrString,  // mesh.kubernetes.v1
  };
  const google::protobuf::FieldDescriptor* field = nullptr;
  std::string_view json_name;  // lives as long as the process
  Form form = Form::kString;
  bool repeated = false;    // a list
  bool map = false;         // `message` is the schema of the entry
  bool string_map = false;  // a map whose keys and values are strings
  const MessageSchema* message = nullptr;
  // Of an item of a list of messages: what it is made from.
  const google::protobuf::Message* prototype = nullptr;
};

// Fields by JSON name and by the field's own name, as protobuf's JSON has it. Filled once, then
// asked for every key of every file: a table without chains, and a hash of what differs in names.
class FieldNames {
 public:
  // Of two fields of one name the first stays.
  void Add(std::string_view name, size_t field);
  // -1: none.
  int Find(std::string_view name) const {
    if (slots_.empty()) return -1;
    for (size_t at = Hash(name) & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.field < 0) return -1;
      if (slot.name == name) return slot.field;
    }
  }

 private:
  struct Slot {
    std::string_view name;
    int field = -1;
  };
  static size_t Hash(std::string_view name) {
    if (name.empty()) return 0;
    const auto at = [name](size_t i) { return static_cast<unsigned char>(name[i]); };
    return name.size() * 131 + at(0) * 31 + at(name.size() / 2) * 7 + at(name.size() - 1) * 17;
  }
  void Put(std::string_view name, int field);

  std::vector<Slot> slots_;  // a power of two, at least half of them empty
  size_t used_ = 0;
};

struct MessageSchema {
  const google::protobuf::Descriptor* descriptor = nullptr;
  std::vector<FieldSchema> fields;
  FieldNames by_name;

  const FieldSchema* Find(std::string_view name) const {
    const int at = by_name.Find(name);
    return at < 0 ? nullptr : &fields[at];
  }
};

// Of a message of the api, all of which are known. Cost: O(1) after the first call of the process.
const MessageSchema& SchemaOf(const google::protobuf::Descriptor* descriptor);

}  // namespace mesh::config

#endif  // MESH_CONFIG_SCHEMA_H_
