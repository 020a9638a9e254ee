// What the reader needs to know of messages, looked up once: fields by name, and how each is read.
#ifndef MESH_CONFIG_SCHEMA_H_
#define MESH_CONFIG_SCHEMA_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"

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
  bool repeated = false;  // a list
  bool map = false;       // `message` is the schema of the entry
  const MessageSchema* message = nullptr;
};

struct MessageSchema {
  const google::protobuf::Descriptor* descriptor = nullptr;
  std::vector<FieldSchema> fields;
  // By JSON name and by the field's own name, as protobuf's JSON has it.
  absl::flat_hash_map<std::string_view, int> by_name;

  const FieldSchema* Find(std::string_view name) const {
    const auto at = by_name.find(name);
    return at == by_name.end() ? nullptr : &fields[at->second];
  }
};

// Of a message of the api, all of which are known. Cost: O(1) after the first call of the process.
const MessageSchema& SchemaOf(const google::protobuf::Descriptor* descriptor);

}  // namespace mesh::config

#endif  // MESH_CONFIG_SCHEMA_H_
