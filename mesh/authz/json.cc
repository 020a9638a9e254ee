#include "mesh/authz/json.h"

#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

namespace mesh::authz {
namespace {

constexpr size_t kMaxDepth = 100;

// Builds the value from the parser's events; an event that is not accepted ends the parse.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return Put({}); }
  bool boolean(bool value) override { return Put({value}); }
  bool number_integer(number_integer_t value) override { return Put({static_cast<double>(value)}); }
  bool number_unsigned(number_unsigned_t value) override {
    return Put({static_cast<double>(value)});
  }
  bool number_float(number_float_t value, const string_t&) override { return Put({value}); }
  bool string(string_t& value) override { return Put({std::move(value)}); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open({route::Value::Struct()}); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open({route::Value::List()}); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    keys_.back() = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  std::optional<route::Value::Struct> Take() {
    auto* object = std::get_if<route::Value::Struct>(&root_.value);
    if (object == nullptr) return std::nullopt;
    return std::move(*object);
  }

 private:
  bool Open(route::Value container) {
    if (open_.size() >= kMaxDepth) return false;
    open_.push_back(std::move(container));
    keys_.emplace_back();
    return true;
  }
  bool Close() {
    route::Value done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return Put(std::move(done));
  }
  bool Put(route::Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    if (auto* list = std::get_if<route::Value::List>(&open_.back().value)) {
      list->push_back(std::move(value));
      return true;
    }
    return std::get<route::Value::Struct>(open_.back().value)
        .emplace(keys_.back(), std::move(value))
        .second;
  }

  route::Value root_;
  std::vector<route::Value> open_;
  std::vector<std::string> keys_;  // of each open object, the member that comes next
};

}  // namespace

std::optional<route::Value::Struct> ParseJsonObject(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return std::nullopt;
  return builder.Take();
}

const route::Value* Member(const route::Value::Struct& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &found->second;
}

std::optional<std::string_view> StringMember(const route::Value::Struct& object,
                                             std::string_view name) {
  const route::Value* value = Member(object, name);
  const std::string* text = value == nullptr ? nullptr : std::get_if<std::string>(&value->value);
  if (text == nullptr) return std::nullopt;
  return *text;
}

}  // namespace mesh::authz
