#include "tests/config/probes.h"

#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace mesh {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// A value as it stands in JSON.
struct Value {
  std::string what;
  std::string json;
};
using Values = std::vector<Value>;

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::string_view(text.data(), text.size()), "\"");
}

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Values ValuesOfWhole(const char* least, const char* most, const char* below, const char* above) {
  return {{"a whole number", "1"},
          {"the least whole number", least},
          {"the largest whole number", most},
          {"less than the least whole number", below},
          {"more than the largest whole number", above},
          {"a whole number with a point", "1.0"},
          {"a whole number with an exponent", "1e2"},
          {"a fraction for a whole number", "1.5"},
          {"a word for a number", R"("many")"},
          {"a truth for a number", "true"}};
}

Values ValuesOfMessage(const Descriptor* message);

// One value of the field: an item, where it is a list.
Values ValuesOfOne(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"true", "true"},
              {"false", "false"},
              {"a truth in quotes", R"("true")"},
              {"a number for a truth", "1"}};
    case FieldDescriptor::CPPTYPE_INT32: {
      Values values = ValuesOfWhole("-2147483648", "2147483647", "-2147483649", "2147483648");
      values.push_back({"a whole number in quotes", R"("1")"});
      return values;
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      Values values = ValuesOfWhole("0", "4294967295", "-1", "4294967296");
      values.push_back({"a whole number in quotes", R"("1")"});
      return values;
    }
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64: {
      const bool negative = field->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
      Values values = negative
                          ? ValuesOfWhole("-9223372036854775808", "9223372036854775807",
                                          "-9223372036854775809", "9223372036854775808")
                          : ValuesOfWhole("0", "9223372036854775807", "-1", "18446744073709551616");
      values.push_back({"a whole number of 64 bits in quotes", R"("1")"});
      values.push_back({"a fraction in quotes", R"("1.5")"});
      values.push_back({"a hexadecimal number in quotes", R"("0x10")"});
      values.push_back({"a number of more than 64 bits in quotes", R"("99999999999999999999")"});
      if (!negative) {
        values.push_back({"a number of all 64 bits", "18446744073709551615"});
        values.push_back({"a number of all 64 bits in quotes", R"("18446744073709551615")"});
      }
      values.push_back({"a negative number of 64 bits in quotes", R"("-1")"});
      values.push_back({"no number at all in quotes", R"("")"});
      return values;
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"a fraction", "1.5"},
              {"a negative fraction", "-0.25"},
              {"a whole number for a fraction", "1"},
              {"a large fraction", "1e300"},
              {"a fraction in quotes", R"("1.5")"},
              {"a word for a fraction", R"("half")"},
              {"a truth for a fraction", "false"}};
    case FieldDescriptor::CPPTYPE_STRING:
      if (field->type() == FieldDescriptor::TYPE_BYTES) {
        return {{"base64", R"("YQ==")"},          {"base64 without padding", R"("YWI")"},
                {"base64 for URLs", R"("-_-_")"}, {"empty base64", R"("")"},
                {"no base64", R"("%%%%")"},       {"a number for base64", "5"}};
      }
      return {{"a string", R"("a")"},
              {"an empty string", R"("")"},
              {"a number for a string", "5"},
              {"a truth for a string", "true"},
              {"a mapping for a string", R"({"a":"b"})"},
              {"a list for a string", R"(["a"])"}};
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* type = field->enum_type();
      Values values;
      for (int i = 0; i < type->value_count(); ++i) {
        values.push_back({"a name of an enum", Quoted(type->value(i)->name())});
      }
      values.push_back(
          {"a name of an enum in lower case", Quoted(LowerCase(type->value(0)->name()))});
      values.push_back({"no name of an enum", R"("NONESUCH")"});
      values.push_back({"an empty name of an enum", R"("")"});
      values.push_back({"a number of an enum", std::to_string(type->value(0)->number())});
      values.push_back({"no number of an enum", "4711"});
      values.push_back({"a truth for an enum", "true"});
      return values;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ValuesOfMessage(field->message_type());
  }
  return {};
}

Values ValuesOfMessage(const Descriptor* message) {
  const std::string& name = message->full_name();
  if (name == "google.protobuf.Duration") {
    return {{"a duration", R"("1.5s")"},
            {"a duration in several units", R"("1h2m3.5s")"},
            {"a short duration", R"("300us")"},
            {"a short duration with a Greek letter", R"("3µs")"},
            {"a negative duration", R"("-1s")"},
            {"a duration of 0", R"("0")"},
            {"a duration with a sign", R"("+.5s")"},
            {"a duration without a unit", R"("5")"},
            {"a duration in days", R"("1d")"},
            {"a duration with a blank", R"("1 s")"},
            {"an empty duration", R"("")"},
            {"a duration of two points", R"("1..5s")"},
            {"a long duration", R"("2562047h")"},
            {"a duration that is too long", R"("2562048h")"},
            {"a number for a duration", "5"},
            {"a mapping for a duration", R"({"seconds":5})"}};
  }
  if (name == "google.protobuf.Timestamp") {
    return {{"a time", R"("2020-01-31T12:00:00Z")"},
            {"a time with an offset", R"("2020-01-31T12:00:00.5+01:00")"},
            {"a day", R"("2020-01-31")"},
            {"a number for a time", "5"}};
  }
  if (name == "google.protobuf.Struct") {
    return {{"anything in a mapping", R"({"a":[1,{"b":null}],"c":{"d":true}})"},
            {"a string for any mapping", R"("a")"},
            {"a list for any mapping", R"([{"a":1}])"}};
  }
  if (name == "google.protobuf.Value") {
    return {{"anything", R"({"a":[1]})"}, {"any string", R"("a")"}, {"any number", "1"}};
  }
  if (message->file()->name() == "google/protobuf/wrappers.proto") {
    return ValuesOfOne(message->field(0));
  }
  return {{"an empty message", "{}"},
          {"an unknown field", R"({"nonesuch":1})"},
          {"a string for a message", R"("a")"},
          {"a number for a message", "1"},
          {"a list for a message", "[{}]"}};
}

Values ValuesOfMap(const FieldDescriptor* field) {
  const FieldDescriptor* key = field->message_type()->field(0);
  const FieldDescriptor* value = field->message_type()->field(1);
  const bool number = key->cpp_type() != FieldDescriptor::CPPTYPE_STRING;
  const std::string right = ValuesOfOne(value)[0].json;
  Values values = {
      {"an empty map", "{}"}, {"a list for a map", "[]"}, {"a word for a map", R"("a")"}};
  for (const Value& one : ValuesOfOne(value)) {
    values.push_back({absl::StrCat(one.what, " in a map"),
                      absl::StrCat("{", number ? R"("80")" : R"("a")", ":", one.json, "}")});
  }
  const bool message = value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  values.push_back({message ? "null for a message in a map" : "null in a map",
                    number ? R"({"80":null})" : R"({"a":null})"});
  if (number) {
    for (const auto& [what, text] :
         {std::pair<const char*, const char*>{"a word for a key that is a number", "http"},
          {"a negative key", "-1"},
          {"the largest key", "4294967295"},
          {"a key beyond the largest", "4294967296"},
          {"a key in hexadecimal", "0x50"},
          {"a key with a zero before it", "080"},
          {"a fraction for a key", "80.5"},
          {"an empty key", ""}}) {
      values.push_back({what, absl::StrCat("{\"", text, "\":", right, "}")});
    }
  }
  return values;
}

Values ValuesOf(const FieldDescriptor* field) {
  Values values;
  if (field->is_map()) {
    values = ValuesOfMap(field);
  } else if (field->is_repeated()) {
    const Values items = ValuesOfOne(field);
    values = {{"an empty list", "[]"},
              {"one item for a list", items[0].json},
              {"a mapping for a list", R"({"0":{}})"},
              {"a list in a list", absl::StrCat("[[", items[0].json, "]]")}};
    for (const Value& item : items) {
      values.push_back({absl::StrCat(item.what, " in a list"), absl::StrCat("[", item.json, "]")});
    }
    const bool number = field->cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                        field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
    const bool plain = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    values.push_back({number  ? "null for a number or an enum in a list"
                      : plain ? "null for a message in a list"
                              : "null for a string in a list",
                      "[null]"});
  } else {
    values = ValuesOfOne(field);
  }
  values.push_back({"null for a field", "null"});
  return values;
}

bool HasFieldsOfItsOwn(const Descriptor* message) {
  return message->file()->package() != "google.protobuf";
}

class Walk {
 public:
  // `before` and `after` are the text around an object of the message.
  void Visit(const Descriptor* message, const std::string& path, const std::string& before,
             const std::string& after) {
    if (!seen_.insert(message).second) return;
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      const std::string& name = field->json_name();
      const std::string at = absl::StrCat(path, path.empty() ? "" : ".", name);
      const auto add = [&](const std::string& what, const std::string& fields) {
        probes_.push_back({what, at, absl::StrCat(before, "{", fields, "}", after)});
      };
      const auto entry = [](const std::string& key, const std::string& json) {
        return absl::StrCat("\"", key, "\":", json);
      };
      const Values values = ValuesOf(field);
      for (const Value& value : values) add(value.what, entry(name, value.json));
      if (field->name() != name) {
        add("the name that a field has in the .proto", entry(field->name(), values[0].json));
      }
      add("a name of a field in upper case", entry(absl::StrCat("X", name), values[0].json));
      add("a field given twice",
          absl::StrCat(entry(name, values[0].json), ",", entry(name, values[0].json)));
      AddOneof(field, values[0].json, add, entry);
    }
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      const FieldDescriptor* value = field->is_map() ? field->message_type()->field(1) : field;
      if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
          !HasFieldsOfItsOwn(value->message_type())) {
        continue;
      }
      const bool number = field->is_map() && field->message_type()->field(0)->cpp_type() !=
                                                 FieldDescriptor::CPPTYPE_STRING;
      const std::string key = number ? "80" : "a";
      const std::string open = field->is_map()        ? absl::StrCat("{\"", key, "\":")
                               : field->is_repeated() ? "["
                                                      : "";
      const std::string close = field->is_map() ? "}" : field->is_repeated() ? "]" : "";
      const std::string& name = field->json_name();
      Visit(value->message_type(),
            absl::StrCat(path, path.empty() ? "" : ".", name,
                         field->is_map()        ? absl::StrCat(".", key)
                         : field->is_repeated() ? "[0]"
                                                : ""),
            absl::StrCat(before, "{\"", name, "\":", open), absl::StrCat(close, "}", after));
    }
  }

  std::vector<Probe> Take() { return std::move(probes_); }

 private:
  template <class Add, class Entry>
  void AddOneof(const FieldDescriptor* field, const std::string& json, Add add, Entry entry) {
    const auto* oneof = field->real_containing_oneof();
    if (oneof == nullptr) return;
    for (int i = 0; i < oneof->field_count(); ++i) {
      const FieldDescriptor* other = oneof->field(i);
      if (other == field) continue;
      const std::string mine = entry(field->json_name(), json);
      add("two of which only one may be",
          absl::StrCat(mine, ",", entry(other->json_name(), ValuesOf(other)[0].json)));
      add("one of which only one may be, beside a null",
          absl::StrCat(mine, ",", entry(other->json_name(), "null")));
    }
  }

  std::set<const Descriptor*> seen_;
  std::vector<Probe> probes_;
};

}  // namespace

std::vector<Probe> ProbesOf(const config::KindInfo& kind) {
  Walk walk;
  walk.Visit(kind.prototype->GetDescriptor(), "", "", "");
  return walk.Take();
}

}  // namespace mesh
