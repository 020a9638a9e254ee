#include "mesh/config/schema.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/message.h"
#include "mesh/config/kind.h"

namespace mesh::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Form = FieldSchema::Form;

Form FormOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Form::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
      return Form::kInt32;
    case FieldDescriptor::CPPTYPE_INT64:
      return Form::kInt64;
    case FieldDescriptor::CPPTYPE_UINT32:
      return Form::kUint32;
    case FieldDescriptor::CPPTYPE_UINT64:
      return Form::kUint64;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Form::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Form::kDouble;
    case FieldDescriptor::CPPTYPE_ENUM:
      return Form::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES ? Form::kBytes : Form::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  const std::string& type = field->message_type()->full_name();
  if (type == "google.protobuf.Duration") return Form::kDuration;
  if (type == "google.protobuf.Timestamp") return Form::kTimestamp;
  if (type == "google.protobuf.Struct") return Form::kStruct;
  if (type == "google.protobuf.Value") return Form::kValue;
  if (type == "google.protobuf.ListValue") return Form::kListValue;
  if (type == "mesh.kubernetes.v1.IntOrString") return Form::kIntOrString;
  if (field->message_type()->file()->name() == "google/protobuf/wrappers.proto") {
    return Form::kWrapper;
  }
  return Form::kMessage;
}

class SchemaSet {
 public:
  SchemaSet() {
    for (const KindInfo& info : AllKinds()) Add(info.prototype->GetDescriptor());
    Add(mesh::kubernetes::v1::ObjectMeta::descriptor());
  }

  const MessageSchema* Find(const Descriptor* descriptor) const {
    const auto at = schemas_.find(descriptor);
    return at == schemas_.end() ? nullptr : at->second.get();
  }

 private:
  const MessageSchema* Add(const Descriptor* descriptor) {
    std::unique_ptr<MessageSchema>& slot = schemas_[descriptor];
    if (slot != nullptr) return slot.get();
    slot = std::make_unique<MessageSchema>();
    MessageSchema* schema = slot.get();  // the map may grow below
    schema->descriptor = descriptor;
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      FieldSchema out;
      out.field = field;
      out.json_name = field->json_name();
      out.map = field->is_map();
      out.repeated = field->is_repeated() && !out.map;
      out.form = FormOf(field);
      if (field->message_type() != nullptr && out.form != Form::kStruct &&
          out.form != Form::kValue && out.form != Form::kListValue) {
        out.message = Add(field->message_type());
      }
      out.string_map = out.map && out.message->Find("key")->form == Form::kString &&
                       out.message->Find("value")->form == Form::kString;
      if (out.repeated && field->message_type() != nullptr) {
        out.prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(
            field->message_type());
      }
      schema->fields.push_back(out);
    }
    // JSON names first: another field's own name must not hide one.
    for (size_t i = 0; i < schema->fields.size(); ++i) {
      schema->by_name.Add(schema->fields[i].json_name, i);
    }
    for (size_t i = 0; i < schema->fields.size(); ++i) {
      schema->by_name.Add(schema->fields[i].field->name(), i);
    }
    return schema;
  }

  absl::flat_hash_map<const Descriptor*, std::unique_ptr<MessageSchema>> schemas_;
};

}  // namespace

void FieldNames::Add(std::string_view name, size_t field) {
  if (Find(name) >= 0) return;
  if (2 * (used_ + 1) > slots_.size()) {
    const std::vector<Slot> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? 8 : 2 * old.size());
    for (const Slot& slot : old) {
      if (slot.field >= 0) Put(slot.name, slot.field);
    }
  }
  Put(name, static_cast<int>(field));
  ++used_;
}

void FieldNames::Put(std::string_view name, int field) {
  size_t at = Hash(name) & (slots_.size() - 1);
  while (slots_[at].field >= 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at].name = name;
  slots_[at].field = field;
}

const MessageSchema& SchemaOf(const Descriptor* descriptor) {
  static const SchemaSet* const kSchemas = new SchemaSet();
  const MessageSchema* schema = kSchemas->Find(descriptor);
  if (schema == nullptr) std::abort();  // not a message of the api
  return *schema;
}

}  // namespace mesh::config
