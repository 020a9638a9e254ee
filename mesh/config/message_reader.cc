// How it reads: one walk over the tree, led by the schema of the message. Every key opens a field
// in the table of positions and in the path, its value is read, the field is closed. An error says
// the path as it stands then and the place of the node at fault, and the walk goes on beside it.

#include "mesh/config/message_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/reflection.h"
#include "google/protobuf/timestamp.pb.h"
#include "mesh/base/strings.h"
#include "mesh/config/field_path.h"

namespace mesh::config {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Form = FieldSchema::Form;

// Sets or adds.
template <class T, class Set, class Add>
void Put(const FieldSchema& schema, Message* message, T value, Set set, Add add) {
  const Reflection* reflection = message->GetReflection();
  if (schema.field->is_repeated()) {
    (reflection->*add)(message, schema.field, std::move(value));
  } else {
    (reflection->*set)(message, schema.field, std::move(value));
  }
}

std::string_view FormName(Form form) {
  switch (form) {
    case Form::kBool:
      return "true or false";
    case Form::kInt32:
    case Form::kInt64:
      return "a whole number";
    case Form::kUint32:
    case Form::kUint64:
      return "a whole number, not below 0";
    case Form::kFloat:
    case Form::kDouble:
      return "a number";
    case Form::kEnum:
      return "one of its names";
    case Form::kDuration:
      return "a duration such as 1.5s";
    case Form::kTimestamp:
      return "a time such as 2020-01-31T12:00:00Z";
    case Form::kIntOrString:
      return "a number or a string";
    case Form::kMessage:
    case Form::kStruct:
      return "a mapping";
    case Form::kListValue:
      return "a list";
    default:
      return "a string";
  }
}

}  // namespace

bool MessageReader::Visit(uint32_t node) {
  if (++visited_ == limit() + 1) {
    Fail(node, "aliases expand to more than 100000 values; write them out where they are few");
  }
  if (path_.size() > 2 * YamlTree::kMaxDepth) {
    // Aliases nest what they stand for deeper than the text is.
    visited_ = limit() + 1;
    Fail(node, absl::StrCat("nested deeper than ", 2 * YamlTree::kMaxDepth));
  }
  return visited_ <= limit();
}

Positions::Place MessageReader::PlaceOf(uint32_t node) const {
  // The alias, not what it stands for: that is where the field was written.
  return Positions::Place{tree_.raw(node).line, tree_.raw(node).column};
}

void MessageReader::Open(std::string_view name, uint32_t key) {
  positions_.OpenKey(name, true, PlaceOf(key));
  path_.push_back({name, 0, false});
}

void MessageReader::OpenIndex(uint32_t index, uint32_t item) {
  positions_.OpenIndex(index, PlaceOf(item));
  path_.push_back({std::string_view(), index, false});
}

void MessageReader::Close() {
  positions_.Close();
  path_.pop_back();
}

Positions MessageReader::TakePositions() {
  positions_.ShrinkToFit();
  return std::move(positions_);
}

std::string MessageReader::Path() const {
  std::string path;
  for (const Step& step : path_) {
    path = step.name.data() == nullptr ? IndexPath(path, step.index)
           : step.is_map_key           ? KeyPath(path, step.name)
                                       : FieldPath(path, step.name);
  }
  return path;
}

void MessageReader::Fail(uint32_t node, std::string message) {
  FieldError error;
  error.position.file = file_;
  error.position.line = tree_.raw(node).line;
  error.position.column = tree_.raw(node).column;
  error.field = Path();
  error.message = std::move(message);
  errors_.push_back(std::move(error));
}

void MessageReader::FailType(uint32_t node, std::string_view wanted) {
  const YamlNode& n = tree_.node(node);
  std::string message =
      absl::StrCat(Absl(wanted), " is wanted, this is ", DescribeNode(tree_, node));
  if (n.type == YamlNode::Type::kScalar && absl::StartsWith(Absl(wanted), "a string")) {
    absl::StrAppend(&message, " to YAML; put it in quotes: \"", Absl(tree_.text(n)), "\"");
  } else if (wanted == "a list") {
    absl::StrAppend(&message, "; begin each item with \"- \"");
  } else if (n.type == YamlNode::Type::kScalar && n.style == YamlNode::Style::kString) {
    const Scalar bare = ResolvePlain(tree_.text(n));
    const bool number = bare.type == Scalar::Type::kInteger || bare.type == Scalar::Type::kFloat;
    if ((number && absl::StrContains(Absl(wanted), "number")) ||
        (bare.type == Scalar::Type::kBool && wanted == FormName(Form::kBool))) {
      absl::StrAppend(&message, "; leave the quotes out: ", Absl(tree_.text(n)));
    }
  }
  Fail(node, std::move(message));
}

void MessageReader::FailUnknown(uint32_t key, std::vector<std::string_view> known) {
  const std::string_view name = tree_.text(tree_.node(key));
  std::string message = absl::StrCat("unknown field \"", Absl(name), "\"");
  // Looking for the nearest name is only worth it for what could be one.
  const std::string_view nearest = name.size() <= 64 ? NearestName(name, known) : "";
  if (!nearest.empty()) {
    absl::StrAppend(&message, ", did you mean \"", Absl(nearest), "\"?");
  } else if (known.size() <= 12) {
    std::sort(known.begin(), known.end());
    absl::StrAppend(
        &message, "; there is ",
        absl::StrJoin(known, ", ", [](std::string* out, std::string_view n) { out->append(n); }));
  }
  Fail(key, std::move(message));
}

std::vector<MessageReader::Entry> MessageReader::Entries(uint32_t mapping) {
  std::vector<Entry> entries;
  std::vector<uint32_t> merges;
  const YamlNode& node = tree_.node(mapping);
  entries.reserve(node.size / 2);
  absl::flat_hash_set<std::string_view> seen;
  const bool many = node.size > 32;
  const auto find = [&](std::string_view text) -> bool {
    if (many) return seen.contains(text);
    return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
      return tree_.text(tree_.node(entry.key)) == text;
    });
  };
  // A mapping may be walked more than once; what is wrong with a key is said once.
  const auto complain = [this](uint32_t key, std::string message) {
    if (bad_keys_.insert(key).second) Fail(key, std::move(message));
  };
  for (uint32_t key = node.first; key != 0;) {
    const uint32_t value = tree_.raw(key).next;
    const uint32_t next = tree_.raw(value).next;
    const YamlNode& key_node = tree_.node(key);
    const std::string_view text =
        key_node.type == YamlNode::Type::kScalar ? tree_.text(key_node) : std::string_view();
    if (key_node.type != YamlNode::Type::kScalar) {
      complain(key, absl::StrCat("a key is a string, this is ", DescribeNode(tree_, key)));
    } else if (text == "<<" && key_node.style == YamlNode::Style::kPlain) {
      merges.push_back(value);
    } else if (find(text)) {
      int first_line = 0;
      for (const Entry& entry : entries) {
        if (tree_.text(tree_.node(entry.key)) == text) {
          first_line = tree_.raw(entry.key).line;
          break;
        }
      }
      complain(key, absl::StrCat("key \"", Absl(text), "\" is given twice, first at line ",
                                 first_line, "; keep one"));
    } else {
      entries.push_back({key, value});
      if (many) seen.insert(text);
    }
    key = next;
  }
  // What is written out beats what is merged, and an earlier merge a later one.
  for (size_t i = 0; i < merges.size(); ++i) {
    const uint32_t merge = merges[i];
    const YamlNode& from = tree_.node(merge);
    if (from.type == YamlNode::Type::kSequence) {
      std::vector<uint32_t> items;
      for (uint32_t item = from.first; item != 0; item = tree_.raw(item).next) {
        items.push_back(item);
      }
      if (items.size() > 1000) {
        Fail(merge, "<< merges at most 1000 mappings");
      } else {
        merges.insert(merges.begin() + i + 1, items.begin(), items.end());
      }
      continue;
    }
    if (from.type != YamlNode::Type::kMapping) {
      Fail(merge, absl::StrCat("<< merges a mapping, this is ", DescribeNode(tree_, merge)));
      continue;
    }
    for (uint32_t key = from.first; key != 0; key = tree_.raw(tree_.raw(key).next).next) {
      if (!Visit(key)) return entries;
      const YamlNode& key_node = tree_.node(key);
      if (key_node.type != YamlNode::Type::kScalar) continue;
      const uint32_t value = tree_.raw(key).next;
      if (tree_.text(key_node) == "<<" && key_node.style == YamlNode::Style::kPlain) {
        if (merges.size() < 1000) merges.push_back(value);
      } else if (!std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
                   return tree_.text(tree_.node(entry.key)) == tree_.text(key_node);
                 })) {
        entries.push_back({key, value});
      }
    }
  }
  return entries;
}

void MessageReader::CheckOneof(const FieldSchema& schema, uint32_t key, const Message& message) {
  const google::protobuf::OneofDescriptor* oneof = schema.field->real_containing_oneof();
  if (oneof == nullptr || !message.GetReflection()->HasOneof(message, oneof)) return;
  const FieldDescriptor* other = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (other == schema.field) return;
  Fail(key, absl::StrCat("only one of ", other->json_name(), " and ", Absl(schema.json_name),
                         " may be given"));
}

void MessageReader::Read(uint32_t mapping, const Options& options, Message* message) {
  if (!Visit(mapping)) return;
  if (tree_.node(mapping).type != YamlNode::Type::kMapping) {
    if (!tree_.IsNull(mapping)) FailType(mapping, "a mapping");
    return;
  }
  const MessageSchema& schema = SchemaOf(message->GetDescriptor());
  // Fields that are there, by index: two spellings of one field are a key given twice.
  uint64_t seen_low = 0;
  std::vector<bool> seen_high;
  for (const Entry& entry : Entries(mapping)) {
    const std::string_view name = tree_.text(tree_.node(entry.key));
    const FieldSchema* field = schema.Find(name);
    if (field == nullptr) {
      if (!options.strict) continue;
      std::vector<std::string_view> known;
      for (const FieldSchema& f : schema.fields) known.push_back(f.json_name);
      FailUnknown(entry.key, std::move(known));
      continue;
    }
    const size_t index = field - schema.fields.data();
    bool twice = false;
    if (index < 64) {
      twice = (seen_low >> index & 1) != 0;
      seen_low |= uint64_t{1} << index;
    } else {
      if (seen_high.size() <= index) seen_high.resize(index + 1);
      twice = seen_high[index];
      seen_high[index] = true;
    }
    if (twice) {
      Fail(entry.key, absl::StrCat("\"", Absl(name), "\" and \"", Absl(field->json_name),
                                   "\" are the same field; keep one"));
      continue;
    }
    if (tree_.IsNull(entry.value) && field->form != Form::kValue) continue;
    if (!options.on_top) CheckOneof(*field, entry.key, *message);
    Open(field->json_name, entry.key);
    ReadField(*field, entry.value, options, message);
    Close();
  }
}

void MessageReader::ReadField(const FieldSchema& schema, uint32_t value, const Options& options,
                              Message* message) {
  if (schema.map) {
    ReadMap(schema, value, options, message);
    return;
  }
  if (!schema.repeated) {
    ReadValue(schema, value, options, message);
    return;
  }
  if (options.on_top) message->GetReflection()->ClearField(message, schema.field);
  const YamlNode& node = tree_.node(value);
  if (node.type != YamlNode::Type::kSequence) {
    FailType(value, "a list");
    return;
  }
  uint32_t index = 0;
  for (uint32_t item = node.first; item != 0; item = tree_.raw(item).next) {
    if (exhausted()) return;
    OpenIndex(index++, item);
    ReadValue(schema, item, options, message);
    Close();
  }
}

void MessageReader::ReadMap(const FieldSchema& schema, uint32_t value, const Options& options,
                            Message* message) {
  if (!Visit(value)) return;
  if (tree_.node(value).type != YamlNode::Type::kMapping) {
    FailType(value, "a mapping");
    return;
  }
  const FieldSchema* key_schema = schema.message->Find("key");
  const FieldSchema* value_schema = schema.message->Find("value");
  for (const Entry& entry : Entries(value)) {
    if (exhausted()) return;
    const std::string_view name = tree_.text(tree_.node(entry.key));
    positions_.OpenKey(name, false, PlaceOf(entry.key));
    path_.push_back({name, 0, true});
    // Filled apart and added: reflection writes entries of maps as messages.
    Message* added = message->GetReflection()->AddMessage(message, schema.field);
    bool good = true;
    if (key_schema->form == Form::kString) {
      added->GetReflection()->SetString(added, key_schema->field, std::string(name));
    } else {
      const Scalar number = ResolvePlain(name);
      good = number.type == Scalar::Type::kInteger && !number.negative &&
             number.magnitude <= std::numeric_limits<uint32_t>::max();
      if (good) {
        added->GetReflection()->SetUInt32(added, key_schema->field,
                                          static_cast<uint32_t>(number.magnitude));
      } else {
        Fail(entry.key,
             absl::StrCat("the keys here are whole numbers, this is \"", Absl(name), "\""));
      }
    }
    if (tree_.IsNull(entry.value)) {
      // An empty string, a zero; but a message is there or is not.
      if (value_schema->form == Form::kMessage) {
        Fail(entry.value, "a mapping is wanted, this is null; write {} for an empty one");
      }
    } else if (good) {
      ReadValue(*value_schema, entry.value, options, added);
    }
    Close();
  }
}

Message* MessageReader::SubMessage(const FieldSchema& schema, Message* message) {
  const Reflection* reflection = message->GetReflection();
  return schema.field->is_repeated() ? reflection->AddMessage(message, schema.field)
                                     : reflection->MutableMessage(message, schema.field);
}

void MessageReader::ReadValue(const FieldSchema& schema, uint32_t value, const Options& options,
                              Message* message) {
  if (!Visit(value)) return;
  const YamlNode& node = tree_.node(value);
  switch (schema.form) {
    case Form::kMessage: {
      Message* sub = SubMessage(schema, message);
      // A null item of a list is an empty message.
      if (!tree_.IsNull(value)) Read(value, options, sub);
      return;
    }
    case Form::kWrapper: {
      const FieldSchema& inner = schema.message->fields[0];
      Message* wrapper = SubMessage(schema, message);
      ReadValue(inner, value, options, wrapper);
      return;
    }
    case Form::kString: {
      std::string text;
      if (ReadString(value, &text)) {
        Put<std::string>(schema, message, std::move(text), &Reflection::SetString,
                         &Reflection::AddString);
      }
      return;
    }
    case Form::kBool: {
      const Scalar scalar = node.type == YamlNode::Type::kScalar ? tree_.Resolve(node) : Scalar();
      if (node.type != YamlNode::Type::kScalar || scalar.type != Scalar::Type::kBool) {
        FailType(value, FormName(schema.form));
        return;
      }
      Put<bool>(schema, message, scalar.boolean, &Reflection::SetBool, &Reflection::AddBool);
      return;
    }
    case Form::kInt32:
    case Form::kInt64:
    case Form::kUint32:
    case Form::kUint64:
    case Form::kFloat:
    case Form::kDouble:
      ReadNumber(schema, value, message);
      return;
    case Form::kEnum:
      ReadEnum(schema, value, message);
      return;
    case Form::kBytes:
      ReadBytes(schema, value, message);
      return;
    case Form::kDuration:
      ReadDuration(value, SubMessage(schema, message));
      return;
    case Form::kTimestamp:
      ReadTimestamp(value, SubMessage(schema, message));
      return;
    case Form::kIntOrString:
      ReadIntOrString(value, SubMessage(schema, message));
      return;
    case Form::kStruct:
      ReadStruct(value, google::protobuf::DynamicCastToGenerated<google::protobuf::Struct>(
                            SubMessage(schema, message)));
      return;
    case Form::kValue:
      ReadJsonValue(value, google::protobuf::DynamicCastToGenerated<google::protobuf::Value>(
                               SubMessage(schema, message)));
      return;
    case Form::kListValue:
      FailType(value, FormName(schema.form));
      return;
  }
}

bool MessageReader::ReadString(uint32_t value, std::string* out) {
  const YamlNode& node = tree_.node(value);
  if (node.type != YamlNode::Type::kScalar) {
    FailType(value, "a string");
    return false;
  }
  switch (tree_.Resolve(node).type) {
    case Scalar::Type::kString:
    case Scalar::Type::kNull:
      break;
    default:
      FailType(value, "a string");
      return false;
  }
  if (!tree_.IsNull(value)) *out = std::string(tree_.text(node));
  return true;
}

void MessageReader::ReadNumber(const FieldSchema& schema, uint32_t value, Message* message) {
  const YamlNode& node = tree_.node(value);
  Scalar scalar = node.type == YamlNode::Type::kScalar ? tree_.Resolve(node) : Scalar();
  const bool wide = schema.form == Form::kInt64 || schema.form == Form::kUint64;
  if (node.type == YamlNode::Type::kScalar && scalar.type == Scalar::Type::kString) {
    const std::string_view text = tree_.text(node);
    // JSON's numbers do not hold 64 bits, so protobuf's JSON has those in quotes.
    if (wide && ResolvePlain(text).type == Scalar::Type::kInteger) scalar = ResolvePlain(text);
    if (schema.form == Form::kFloat || schema.form == Form::kDouble) {
      if (text == "NaN") scalar = ResolvePlain(".nan");
      if (text == "Infinity") scalar = ResolvePlain(".inf");
      if (text == "-Infinity") scalar = ResolvePlain("-.inf");
    }
  }
  if (scalar.type == Scalar::Type::kFloat && schema.form != Form::kFloat &&
      schema.form != Form::kDouble) {
    // 80.0 and 8e1 are whole.
    if (std::floor(scalar.number) == scalar.number && std::abs(scalar.number) < 9e15) {
      scalar.type = Scalar::Type::kInteger;
      scalar.negative = scalar.number < 0;
      scalar.magnitude = static_cast<uint64_t>(std::abs(scalar.number));
    }
  }
  if (schema.form == Form::kFloat || schema.form == Form::kDouble) {
    if (scalar.type != Scalar::Type::kInteger && scalar.type != Scalar::Type::kFloat) {
      FailType(value, FormName(schema.form));
    } else if (schema.form == Form::kFloat) {
      Put<float>(schema, message, static_cast<float>(scalar.number), &Reflection::SetFloat,
                 &Reflection::AddFloat);
    } else {
      Put<double>(schema, message, scalar.number, &Reflection::SetDouble, &Reflection::AddDouble);
    }
    return;
  }
  if (scalar.type != Scalar::Type::kInteger) {
    FailType(value, FormName(schema.form));
    return;
  }
  const auto range = [&](const char* low, const char* high) {
    Fail(value, absl::StrCat(Absl(tree_.text(node)), " is out of range: ", low, " to ", high));
  };
  const uint64_t magnitude = scalar.magnitude;
  switch (schema.form) {
    case Form::kInt32:
      if (magnitude > uint64_t{1} << 31 || (!scalar.negative && magnitude == uint64_t{1} << 31)) {
        range("-2147483648", "2147483647");
      } else {
        Put<int32_t>(schema, message,
                     static_cast<int32_t>(scalar.negative ? -static_cast<int64_t>(magnitude)
                                                          : static_cast<int64_t>(magnitude)),
                     &Reflection::SetInt32, &Reflection::AddInt32);
      }
      return;
    case Form::kInt64:
      if (magnitude > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        range("-9223372036854775807", "9223372036854775807");
      } else {
        Put<int64_t>(
            schema, message,
            scalar.negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude),
            &Reflection::SetInt64, &Reflection::AddInt64);
      }
      return;
    case Form::kUint32:
      if (scalar.negative || magnitude > std::numeric_limits<uint32_t>::max()) {
        range("0", "4294967295");
      } else {
        Put<uint32_t>(schema, message, static_cast<uint32_t>(magnitude), &Reflection::SetUInt32,
                      &Reflection::AddUInt32);
      }
      return;
    default:
      if (scalar.negative) {
        range("0", "18446744073709551615");
      } else {
        Put<uint64_t>(schema, message, magnitude, &Reflection::SetUInt64, &Reflection::AddUInt64);
      }
      return;
  }
}

void MessageReader::ReadEnum(const FieldSchema& schema, uint32_t value, Message* message) {
  const google::protobuf::EnumDescriptor* type = schema.field->enum_type();
  const YamlNode& node = tree_.node(value);
  const auto names = [type](std::string_view near) {
    std::vector<std::string_view> candidates;
    for (int i = 0; i < type->value_count(); ++i) candidates.push_back(type->value(i)->name());
    const std::string_view nearest = near.size() <= 64 ? NearestName(near, candidates) : "";
    if (!nearest.empty()) return absl::StrCat("did you mean ", Absl(nearest), "?");
    return absl::StrCat("it is one of ",
                        absl::StrJoin(candidates, ", ", [](std::string* out, std::string_view n) {
                          out->append(n);
                        }));
  };
  if (node.type != YamlNode::Type::kScalar) {
    Fail(value,
         absl::StrCat("a name is wanted, this is ", DescribeNode(tree_, value), "; ", names("")));
    return;
  }
  const Scalar scalar = tree_.Resolve(node);
  const std::string_view text = tree_.text(node);
  const Reflection* reflection = message->GetReflection();
  int number = 0;
  if (scalar.type == Scalar::Type::kInteger) {
    if (scalar.magnitude > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
      Fail(value, absl::StrCat(Absl(text), " is no value of this field; ", names("")));
      return;
    }
    number =
        scalar.negative ? -static_cast<int>(scalar.magnitude) : static_cast<int>(scalar.magnitude);
    if (type->FindValueByNumber(number) == nullptr) {
      Fail(value, absl::StrCat(Absl(text), " is no value of this field; ", names("")));
      return;
    }
  } else {
    const EnumValueDescriptor* named = type->FindValueByName(std::string(text));
    if (named == nullptr) {
      Fail(value, absl::StrCat("\"", Absl(text.substr(0, 64)), "\" is no value of this field; ",
                               names(text)));
      return;
    }
    number = named->number();
  }
  if (schema.field->is_repeated()) {
    reflection->AddEnumValue(message, schema.field, number);
  } else {
    reflection->SetEnumValue(message, schema.field, number);
  }
}

void MessageReader::ReadBytes(const FieldSchema& schema, uint32_t value, Message* message) {
  std::string text;
  if (!ReadString(value, &text)) return;
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) && !absl::WebSafeBase64Unescape(text, &bytes)) {
    Fail(value, "base64 is wanted, this is not");
    return;
  }
  Put<std::string>(schema, message, std::move(bytes), &Reflection::SetString,
                   &Reflection::AddString);
}

void MessageReader::ReadDuration(uint32_t value, Message* duration) {
  const YamlNode& node = tree_.node(value);
  if (node.type != YamlNode::Type::kScalar) {
    FailType(value, FormName(Form::kDuration));
    return;
  }
  const Scalar scalar = tree_.Resolve(node);
  if (scalar.type != Scalar::Type::kString) {
    if (scalar.type == Scalar::Type::kNull) return;
    const std::string_view text = tree_.text(node);
    std::string message =
        absl::StrCat("a duration is wanted, this is ", DescribeNode(tree_, value));
    if (scalar.type != Scalar::Type::kBool) {
      absl::StrAppend(&message, "; give it a unit: ", Absl(text), "s");
    }
    Fail(value, std::move(message));
    return;
  }
  const absl::StatusOr<absl::Duration> parsed = ParseGoDuration(tree_.text(node));
  if (!parsed.ok()) {
    Fail(value, std::string(Std(parsed.status().message())));
    return;
  }
  auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(duration);
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(*parsed, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

void MessageReader::ReadTimestamp(uint32_t value, Message* timestamp) {
  std::string text;
  if (!ReadString(value, &text)) return;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    FailType(value, FormName(Form::kTimestamp));
    return;
  }
  auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(timestamp);
  const int64_t seconds = absl::ToUnixSeconds(time);
  out->set_seconds(seconds);
  out->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void MessageReader::ReadIntOrString(uint32_t value, Message* message) {
  auto* out = google::protobuf::DynamicCastToGenerated<mesh::kubernetes::v1::IntOrString>(message);
  const YamlNode& node = tree_.node(value);
  const Scalar scalar = node.type == YamlNode::Type::kScalar ? tree_.Resolve(node) : Scalar();
  if (node.type == YamlNode::Type::kScalar && scalar.type == Scalar::Type::kString) {
    out->set_name(std::string(tree_.text(node)));
  } else if (scalar.type == Scalar::Type::kInteger && !scalar.negative &&
             scalar.magnitude <= static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
    out->set_number(static_cast<int32_t>(scalar.magnitude));
  } else if (scalar.type != Scalar::Type::kNull) {
    FailType(value, FormName(Form::kIntOrString));
  }
}

void MessageReader::ReadStruct(uint32_t value, google::protobuf::Struct* out) {
  if (!Visit(value)) return;
  if (tree_.IsNull(value)) return;
  if (tree_.node(value).type != YamlNode::Type::kMapping) {
    FailType(value, "a mapping");
    return;
  }
  for (const Entry& entry : Entries(value)) {
    if (exhausted()) return;
    const std::string_view name = tree_.text(tree_.node(entry.key));
    positions_.OpenKey(name, false, PlaceOf(entry.key));
    path_.push_back({name, 0, true});
    ReadJsonValue(entry.value, &(*out->mutable_fields())[std::string(name)]);
    Close();
  }
}

void MessageReader::ReadJsonValue(uint32_t value, google::protobuf::Value* out) {
  if (!Visit(value)) return;
  const YamlNode& node = tree_.node(value);
  if (node.type == YamlNode::Type::kMapping) {
    ReadStruct(value, out->mutable_struct_value());
    return;
  }
  if (node.type == YamlNode::Type::kSequence) {
    google::protobuf::ListValue* list = out->mutable_list_value();
    uint32_t index = 0;
    for (uint32_t item = node.first; item != 0; item = tree_.raw(item).next) {
      if (exhausted()) return;
      OpenIndex(index++, item);
      ReadJsonValue(item, list->add_values());
      Close();
    }
    return;
  }
  const Scalar scalar = tree_.Resolve(node);
  switch (scalar.type) {
    case Scalar::Type::kNull:
      out->set_null_value(google::protobuf::NULL_VALUE);
      return;
    case Scalar::Type::kBool:
      out->set_bool_value(scalar.boolean);
      return;
    case Scalar::Type::kInteger:
    case Scalar::Type::kFloat:
      out->set_number_value(scalar.number);
      return;
    case Scalar::Type::kString:
      out->set_string_value(std::string(tree_.text(node)));
      return;
  }
}

}  // namespace mesh::config
