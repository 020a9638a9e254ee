// How single values are read: what a scalar, a list or a mapping means for a field of each form.

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/reflection.h"
#include "google/protobuf/timestamp.pb.h"
#include "mesh/base/strings.h"
#include "mesh/config/message_reader.h"

namespace mesh::config {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Form = FieldSchema::Form;

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

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

void MessageReader::ReadValue(const FieldSchema& schema, uint32_t value, const Options& options,
                              Message* message) {
  if (!Visit(value)) return;
  const YamlNode& node = tree_.node(value);
  switch (schema.form) {
    case Form::kMessage: {
      Message* sub = SubMessage(schema, message);
      // A null item of a list is an empty message.
      if (!tree_.IsNull(value)) Read(value, *schema.message, options, sub);
      return;
    }
    case Form::kWrapper: {
      const FieldSchema& inner = schema.message->fields[0];
      Message* wrapper = SubMessage(schema, message);
      ReadValue(inner, value, options, wrapper);
      return;
    }
    case Form::kString: {
      if (const std::optional<std::string_view> text = ReadText(value)) {
        Put<std::string>(schema, message, std::string(*text), &Reflection::SetString,
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

std::optional<std::string_view> MessageReader::ReadText(uint32_t value) {
  const YamlNode& node = tree_.node(value);
  if (node.type != YamlNode::Type::kScalar) {
    FailType(value, "a string");
    return std::nullopt;
  }
  switch (tree_.Resolve(node).type) {
    case Scalar::Type::kString:
      return tree_.text(node);
    case Scalar::Type::kNull:
      return std::string_view();
    default:
      FailType(value, "a string");
      return std::nullopt;
  }
}

void MessageReader::ReadNumber(const FieldSchema& schema, uint32_t value, Message* message) {
  const YamlNode& node = tree_.node(value);
  Scalar scalar = node.type == YamlNode::Type::kScalar ? tree_.Resolve(node) : Scalar();
  const bool wide = schema.form == Form::kInt64 || schema.form == Form::kUint64;
  if (node.type == YamlNode::Type::kScalar && scalar.type == Scalar::Type::kString) {
    const std::string_view text = tree_.text(node);
    // JSON's numbers do not hold 64 bits, so protobuf's JSON has those in quotes.
    if (wide) scalar = ResolveQuotedInteger(text);
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
      // The reader of scalars lets no magnitude beyond 2^63 be negative.
      if (!scalar.negative && magnitude > static_cast<uint64_t>(kMaxInt64)) {
        range("-9223372036854775808", "9223372036854775807");
      } else {
        Put<int64_t>(schema, message,
                     scalar.negative ? -static_cast<int64_t>(magnitude - 1) - 1
                                     : static_cast<int64_t>(magnitude),
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
  const auto names = [this, type](std::string_view near) {
    std::vector<std::string_view> candidates;
    for (int i = 0; i < type->value_count(); ++i) candidates.push_back(type->value(i)->name());
    const bool guess = near.size() <= 64 && errors_.size() < kMostGuesses;
    const std::string_view nearest = guess ? NearestName(near, candidates) : "";
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
  const std::optional<std::string_view> text = ReadText(value);
  if (!text.has_value()) return;
  std::string bytes;
  if (!absl::Base64Unescape(Absl(*text), &bytes) &&
      !absl::WebSafeBase64Unescape(Absl(*text), &bytes)) {
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
  const std::optional<std::string_view> text = ReadText(value);
  if (!text.has_value()) return;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Absl(*text), &time, &error)) {
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
    CheckStringKey(entry.key);
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

void MessageReader::CheckStringKey(uint32_t key) {
  const YamlNode& node = tree_.node(key);
  if (node.style != YamlNode::Style::kPlain) return;
  // Kubernetes makes JSON of it first: of `on:` the key "true", of 010 the key "8".
  const std::string_view text = tree_.text(node);
  const Scalar scalar = tree_.Resolve(node);
  const bool decimal = scalar.type == Scalar::Type::kInteger && !scalar.negative &&
                       absl::StrCat(scalar.magnitude) == Absl(text);
  if (scalar.type == Scalar::Type::kString || decimal || text == "true" || text == "false") return;
  FailType(key, "a string");
}

}  // namespace mesh::config
