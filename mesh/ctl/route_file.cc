#include "mesh/ctl/route_file.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/strings.h"
#include "mesh/config/yaml_events.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::ctl {
namespace {

// "virtualHosts" -> "virtual_hosts": paths are kept with the API's own names.
std::string SnakeCase(std::string_view name) {
  std::string snake;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      snake += '_';
      snake += static_cast<char>(c + 32);
    } else {
      snake += c;
    }
  }
  return snake;
}

class Converter {
 public:
  Converter(const config::YamlTree& tree, std::shared_ptr<const std::string> file)
      : tree_(tree), file_(std::move(file)) {}

  nlohmann::ordered_json Convert(uint32_t id, const std::string& path) {
    const config::YamlNode& node = tree_.node(id);
    positions[path] = {file_, tree_.raw(id).line, tree_.raw(id).column};
    switch (node.type) {
      case config::YamlNode::Type::kSequence: {
        auto list = nlohmann::ordered_json::array();
        int index = 0;
        for (uint32_t child = node.first; child != 0; child = tree_.raw(child).next) {
          list.push_back(Convert(child, absl::StrCat(path, "[", index++, "]")));
        }
        return list;
      }
      case config::YamlNode::Type::kMapping: {
        auto object = nlohmann::ordered_json::object();
        for (uint32_t key = node.first; key != 0;) {
          const uint32_t value = tree_.raw(key).next;
          const std::string name(tree_.text(tree_.node(key)));
          object[name] =
              Convert(value, absl::StrCat(path, path.empty() ? "" : ".", SnakeCase(name)));
          key = tree_.raw(value).next;
        }
        return object;
      }
      default:
        return ScalarOf(node);
    }
  }

  std::map<std::string, SourcePosition> positions;

 private:
  nlohmann::ordered_json ScalarOf(const config::YamlNode& node) const {
    const std::string text(tree_.text(node));
    const config::Scalar scalar = tree_.Resolve(node);
    switch (scalar.type) {
      case config::Scalar::Type::kNull:
        return nullptr;
      case config::Scalar::Type::kBool:
        return scalar.boolean;
      case config::Scalar::Type::kInteger:
        if (scalar.negative) return -static_cast<int64_t>(scalar.magnitude - 1) - 1;
        return scalar.magnitude;
      case config::Scalar::Type::kFloat:
        return scalar.number;
      case config::Scalar::Type::kString:
        break;
    }
    return text;
  }

  const config::YamlTree& tree_;
  const std::shared_ptr<const std::string> file_;
};

}  // namespace

absl::StatusOr<JsonFile> ReadJsonFile(const std::string& name, std::string_view bytes) {
  const std::unique_ptr<config::YamlEvents> events = config::ParseYaml(bytes, 1);
  config::YamlError error;
  config::YamlTree tree;
  if (!tree.Next(events.get(), &error)) {
    if (error.message.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": holds nothing"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", error.line, ":", error.column, ": ", error.message));
  }
  Converter converter(tree, std::make_shared<const std::string>(name));
  JsonFile file;
  file.value = converter.Convert(tree.root(), "");
  file.positions = std::move(converter.positions);
  return file;
}

SourcePosition RouteFile::PositionOf(std::string path) const {
  while (true) {
    if (const auto found = positions.find(path); found != positions.end()) return found->second;
    if (path.empty()) return {};
    const size_t cut = path.find_last_of(".[");
    path.resize(cut == std::string::npos ? 0 : cut);
  }
}

absl::StatusOr<RouteFile> ToRouteFile(const std::string& name, const JsonFile& json) {
  RouteFile file;
  file.positions = json.positions;
  const std::string text =
      json.value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  const auto status = google::protobuf::util::JsonStringToMessage(text, &file.proto);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": not a RouteConfiguration: ", std::string(status.message())));
  }
  return file;
}

absl::StatusOr<RouteFile> ReadRouteFile(const std::string& name, std::string_view bytes) {
  absl::StatusOr<JsonFile> json = ReadJsonFile(name, bytes);
  if (!json.ok()) return json.status();
  return ToRouteFile(name, *json);
}

}  // namespace mesh::ctl
