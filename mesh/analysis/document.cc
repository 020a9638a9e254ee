#include "mesh/analysis/document.h"

#include <algorithm>

namespace mesh::analysis {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

const Value* Find(const Struct& document, std::initializer_list<std::string_view> keys) {
  const Struct* mapping = &document;
  const Value* value = nullptr;
  for (std::string_view key : keys) {
    if (mapping == nullptr) return nullptr;
    const auto at = mapping->fields().find(std::string(key));
    if (at == mapping->fields().end()) return nullptr;
    value = &at->second;
    mapping = value->has_struct_value() ? &value->struct_value() : nullptr;
  }
  return value;
}

const std::string* FindText(const Struct& document, std::initializer_list<std::string_view> keys) {
  const Value* value = Find(document, keys);
  return value != nullptr && value->kind_case() == Value::kStringValue ? &value->string_value()
                                                                       : nullptr;
}

const Struct* FindMapping(const Struct& document, std::initializer_list<std::string_view> keys) {
  const Value* value = Find(document, keys);
  return value != nullptr && value->has_struct_value() ? &value->struct_value() : nullptr;
}

const ListValue* FindList(const Struct& document, std::initializer_list<std::string_view> keys) {
  const Value* value = Find(document, keys);
  return value != nullptr && value->has_list_value() ? &value->list_value() : nullptr;
}

std::map<std::string, std::string> Texts(const Struct* mapping) {
  std::map<std::string, std::string> texts;
  if (mapping == nullptr) return texts;
  for (const auto& [key, value] : mapping->fields()) {
    if (value.kind_case() == Value::kStringValue) texts[key] = value.string_value();
  }
  return texts;
}

bool SelectorMatches(const Struct* selector, const std::map<std::string, std::string>& labels) {
  if (selector == nullptr) return true;
  for (const auto& [key, value] : Texts(FindMapping(*selector, {"matchLabels"}))) {
    const auto label = labels.find(key);
    if (label == labels.end() || label->second != value) return false;
  }
  const ListValue* expressions = FindList(*selector, {"matchExpressions"});
  if (expressions == nullptr) return true;
  for (const Value& expression : expressions->values()) {
    const std::string* key = FindText(expression.struct_value(), {"key"});
    const std::string* word = FindText(expression.struct_value(), {"operator"});
    if (key == nullptr || word == nullptr) return false;
    const auto label = labels.find(*key);
    const bool has = label != labels.end();
    bool among = false;
    if (const ListValue* values = FindList(expression.struct_value(), {"values"})) {
      among = has && std::any_of(values->values().begin(), values->values().end(),
                                 [&](const Value& v) { return v.string_value() == label->second; });
    }
    const bool holds = *word == "In"       ? among
                       : *word == "NotIn"  ? !among
                       : *word == "Exists" ? has
                                           : *word == "DoesNotExist" && !has;
    if (!holds) return false;
  }
  return true;
}

}  // namespace mesh::analysis
