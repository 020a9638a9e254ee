#include "mesh/envoy/constraints.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "re2/re2.h"
#include "validate/validate.pb.h"

namespace mesh::envoy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// UTF-8 characters, as protoc-gen-validate counts.
size_t Characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_|~`").find(c) != std::string_view::npos;
  });
}

std::string CheckString(const validate::StringRules& rules, const std::string& value) {
  if (rules.ignore_empty() && value.empty()) return "";
  if (rules.has_const_() && value != rules.const_()) {
    return absl::StrCat("value must equal ", rules.const_());
  }
  if (rules.has_min_len() && Characters(value) < rules.min_len()) {
    return absl::StrCat("value length must be at least ", rules.min_len(), " characters");
  }
  if (rules.has_max_len() && Characters(value) > rules.max_len()) {
    return absl::StrCat("value length must be at most ", rules.max_len(), " characters");
  }
  if (rules.has_min_bytes() && value.size() < rules.min_bytes()) {
    return absl::StrCat("value length must be at least ", rules.min_bytes(), " bytes");
  }
  if (rules.has_max_bytes() && value.size() > rules.max_bytes()) {
    return absl::StrCat("value length must be at most ", rules.max_bytes(), " bytes");
  }
  if (rules.has_prefix() && value.rfind(rules.prefix(), 0) != 0) {
    return absl::StrCat("value does not have the prefix ", rules.prefix());
  }
  if (rules.has_suffix() && (value.size() < rules.suffix().size() ||
                             value.compare(value.size() - rules.suffix().size(), std::string::npos,
                                           rules.suffix()) != 0)) {
    return absl::StrCat("value does not have the suffix ", rules.suffix());
  }
  if (rules.in_size() > 0 &&
      std::find(rules.in().begin(), rules.in().end(), value) == rules.in().end()) {
    return "value is not one of those allowed";
  }
  if (rules.has_pattern()) {
    const re2::RE2 pattern(rules.pattern(), re2::RE2::Quiet);
    if (pattern.ok() && !re2::RE2::PartialMatch(value, pattern)) {
      return absl::StrCat("value does not match regex pattern ", rules.pattern());
    }
  }
  if (rules.has_well_known_regex()) {
    const bool name = rules.well_known_regex() == validate::HTTP_HEADER_NAME;
    bool good;
    if (!rules.strict()) {
      good = value.find_first_of(std::string_view("\0\n\r", 3)) == std::string::npos;
    } else if (name) {
      good = IsToken(!value.empty() && value[0] == ':' ? value.substr(1) : value);
    } else {
      good = std::none_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\t') || byte == 0x7f;
      });
    }
    if (!good) {
      return absl::StrCat("value does not match regex pattern of an HTTP header ",
                          name ? "name" : "value");
    }
  }
  return "";
}

std::string CheckBytes(const validate::BytesRules& rules, const std::string& value) {
  if (rules.ignore_empty() && value.empty()) return "";
  if (rules.has_min_len() && value.size() < rules.min_len()) {
    return absl::StrCat("value length must be at least ", rules.min_len(), " bytes");
  }
  if (rules.has_max_len() && value.size() > rules.max_len()) {
    return absl::StrCat("value length must be at most ", rules.max_len(), " bytes");
  }
  return "";
}

template <class Rules, class T>
std::string CheckNumber(const Rules& rules, T value) {
  if (rules.ignore_empty() && value == 0) return "";
  if (rules.has_const_() && value != rules.const_()) {
    return absl::StrCat("value must equal ", rules.const_());
  }
  if (rules.has_lt() && !(value < rules.lt())) {
    return absl::StrCat("value must be less than ", rules.lt());
  }
  if (rules.has_lte() && !(value <= rules.lte())) {
    return absl::StrCat("value must be at most ", rules.lte());
  }
  if (rules.has_gt() && !(value > rules.gt())) {
    return absl::StrCat("value must be greater than ", rules.gt());
  }
  if (rules.has_gte() && !(value >= rules.gte())) {
    return absl::StrCat("value must be at least ", rules.gte());
  }
  if (rules.in_size() > 0 &&
      std::find(rules.in().begin(), rules.in().end(), value) == rules.in().end()) {
    return "value is not one of those allowed";
  }
  if (std::find(rules.not_in().begin(), rules.not_in().end(), value) != rules.not_in().end()) {
    return absl::StrCat("value must not be ", value);
  }
  return "";
}

std::string CheckDuration(const validate::DurationRules& rules,
                          const google::protobuf::Duration& value) {
  const auto nanos = [](const google::protobuf::Duration& d) {
    return static_cast<__int128>(d.seconds()) * 1000000000 + d.nanos();
  };
  const auto text = [](const google::protobuf::Duration& d) {
    return absl::StrCat(d.seconds() + d.nanos() / 1e9, "s");
  };
  if (rules.has_lt() && nanos(value) >= nanos(rules.lt())) {
    return absl::StrCat("value must be less than ", text(rules.lt()));
  }
  if (rules.has_lte() && nanos(value) > nanos(rules.lte())) {
    return absl::StrCat("value must be at most ", text(rules.lte()));
  }
  if (rules.has_gt() && nanos(value) <= nanos(rules.gt())) {
    return absl::StrCat("value must be greater than ", text(rules.gt()));
  }
  if (rules.has_gte() && nanos(value) < nanos(rules.gte())) {
    return absl::StrCat("value must be at least ", text(rules.gte()));
  }
  return "";
}

class Checker {
 public:
  void Visit(const Message& message, const std::string& path) {
    const Descriptor* descriptor = message.GetDescriptor();
    const Reflection* reflection = message.GetReflection();
    if (descriptor->options().GetExtension(validate::disabled)) return;
    for (int i = 0; i < descriptor->oneof_decl_count(); ++i) {
      const auto* oneof = descriptor->oneof_decl(i);
      if (oneof->options().GetExtension(validate::required) &&
          !reflection->HasOneof(message, oneof)) {
        Fail(absl::StrCat(path, path.empty() ? "" : ".", oneof->name()), "is required");
      }
    }
    for (int i = 0; i < descriptor->field_count(); ++i) {
      Field(message, *reflection, *descriptor->field(i), path);
    }
  }

  std::vector<FieldError> errors;

 private:
  void Fail(const std::string& field, std::string message) {
    if (!message.empty()) errors.push_back({{}, "", field, std::move(message)});
  }

  void Field(const Message& message, const Reflection& reflection, const FieldDescriptor& field,
             const std::string& path) {
    const std::string name = absl::StrCat(path, path.empty() ? "" : ".", field.name());
    const validate::FieldRules* rules = field.options().HasExtension(validate::rules)
                                            ? &field.options().GetExtension(validate::rules)
                                            : nullptr;
    if (field.is_repeated()) return Repeated(message, reflection, field, rules, name);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const bool has = reflection.HasField(message, &field);
      if (!has) {
        const bool required = rules != nullptr && field.containing_oneof() == nullptr &&
                              ((rules->has_message() && rules->message().required()) ||
                               (rules->has_duration() && rules->duration().required()) ||
                               (rules->has_any() && rules->any().required()) ||
                               (rules->has_timestamp() && rules->timestamp().required()));
        if (required) Fail(name, "value is required");
        return;
      }
      const Message& below = reflection.GetMessage(message, &field);
      if (rules != nullptr && rules->has_duration()) {
        return Fail(name, CheckDuration(rules->duration(),
                                        static_cast<const google::protobuf::Duration&>(below)));
      }
      if (rules != nullptr && !rules->has_message() && !rules->has_any() &&
          !rules->has_timestamp()) {
        // A wrapper: the rule is about the value inside.
        const FieldDescriptor* value = below.GetDescriptor()->FindFieldByName("value");
        if (value != nullptr) {
          return Scalar(below, *below.GetReflection(), *value, *rules, -1, name);
        }
      }
      if (rules != nullptr && rules->has_message() && rules->message().skip()) return;
      if (below.GetDescriptor()->full_name() != "google.protobuf.Any") Visit(below, name);
      return;
    }
    if (rules == nullptr) return;
    // A field of a oneof that is not the one set has no value to check.
    if (field.has_presence() && !reflection.HasField(message, &field)) return;
    Scalar(message, reflection, field, *rules, -1, name);
  }

  void Repeated(const Message& message, const Reflection& reflection, const FieldDescriptor& field,
                const validate::FieldRules* rules, const std::string& name) {
    const int size = reflection.FieldSize(message, &field);
    if (field.is_map()) {
      if (rules != nullptr && rules->map().has_min_pairs() && size < rules->map().min_pairs()) {
        Fail(name,
             absl::StrCat("value must contain at least ", rules->map().min_pairs(), " pair(s)"));
      }
      const FieldDescriptor* value = field.message_type()->map_value();
      if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;
      for (int i = 0; i < size; ++i) {
        const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
        const Message& below = entry.GetReflection()->GetMessage(entry, value);
        if (below.GetDescriptor()->full_name() == "google.protobuf.Any") continue;
        const FieldDescriptor* key = field.message_type()->map_key();
        const std::string shown = key->cpp_type() == FieldDescriptor::CPPTYPE_STRING
                                      ? entry.GetReflection()->GetString(entry, key)
                                      : std::to_string(i);
        Visit(below, absl::StrCat(name, "[\"", shown, "\"]"));
      }
      return;
    }
    if (rules != nullptr && rules->has_repeated()) {
      const validate::RepeatedRules& repeated = rules->repeated();
      if (repeated.has_min_items() && static_cast<uint64_t>(size) < repeated.min_items() &&
          !(repeated.ignore_empty() && size == 0)) {
        Fail(name, absl::StrCat("value must contain at least ", repeated.min_items(), " item(s)"));
      }
      if (repeated.has_max_items() && static_cast<uint64_t>(size) > repeated.max_items()) {
        Fail(name,
             absl::StrCat("value must contain no more than ", repeated.max_items(), " item(s)"));
      }
      if (repeated.unique() && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        std::set<std::string> seen;
        for (int i = 0; i < size; ++i) {
          if (!seen.insert(reflection.GetRepeatedString(message, &field, i)).second) {
            Fail(name, "value must contain unique items");
            break;
          }
        }
      }
      if (repeated.has_items() && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        for (int i = 0; i < size; ++i) {
          Scalar(message, reflection, field, repeated.items(), i, absl::StrCat(name, "[", i, "]"));
        }
      }
    }
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;
    if (field.message_type()->full_name() == "google.protobuf.Any") return;
    for (int i = 0; i < size; ++i) {
      Visit(reflection.GetRepeatedMessage(message, &field, i), absl::StrCat(name, "[", i, "]"));
    }
  }

  // `index` is -1 for a field that is not repeated.
  void Scalar(const Message& message, const Reflection& reflection, const FieldDescriptor& field,
              const validate::FieldRules& rules, int index, const std::string& name) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& value =
            index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                      : reflection.GetRepeatedStringReference(message, &field, index, &scratch);
        if (rules.has_string()) return Fail(name, CheckString(rules.string(), value));
        if (rules.has_bytes()) return Fail(name, CheckBytes(rules.bytes(), value));
        return;
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        if (!rules.has_enum_()) return;
        const int value = index < 0 ? reflection.GetEnumValue(message, &field)
                                    : reflection.GetRepeatedEnumValue(message, &field, index);
        if (rules.enum_().defined_only() &&
            field.enum_type()->FindValueByNumber(value) == nullptr) {
          Fail(name, "value must be one of the defined enum values");
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_UINT32:
        if (rules.has_uint32()) {
          Fail(name, CheckNumber(rules.uint32(),
                                 index < 0 ? reflection.GetUInt32(message, &field)
                                           : reflection.GetRepeatedUInt32(message, &field, index)));
        }
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        if (rules.has_uint64()) {
          Fail(name, CheckNumber(rules.uint64(),
                                 index < 0 ? reflection.GetUInt64(message, &field)
                                           : reflection.GetRepeatedUInt64(message, &field, index)));
        }
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        if (rules.has_int32() && index < 0) {
          Fail(name, CheckNumber(rules.int32(), reflection.GetInt32(message, &field)));
        }
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        if (rules.has_int64() && index < 0) {
          Fail(name, CheckNumber(rules.int64(), reflection.GetInt64(message, &field)));
        }
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        if (rules.has_double_() && index < 0) {
          Fail(name, CheckNumber(rules.double_(), reflection.GetDouble(message, &field)));
        }
        return;
      default:
        return;
    }
  }
};

}  // namespace

std::vector<FieldError> CheckConstraints(const Message& message, const std::string& path) {
  Checker checker;
  checker.Visit(message, path);
  return std::move(checker.errors);
}

}  // namespace mesh::envoy
