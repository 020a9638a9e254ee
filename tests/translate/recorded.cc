#include "tests/translate/recorded.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/field_error.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::StatusOr<Recorded> LoadRecorded(const std::string& folder, const std::string& scenario) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) {
    return absl::UnavailableError("MESH_SHARED does not say where the recorded answers are");
  }
  const std::string root = absl::StrCat(shared, "/conformance/", folder);
  std::vector<config::ResourcePtr> resources;
  std::vector<FieldError> errors;
  const auto add = [&](config::ReadResult read) {
    errors.insert(errors.end(), read.errors.begin(), read.errors.end());
    resources.insert(resources.end(), read.resources.begin(), read.resources.end());
  };
  for (const std::string& path :
       {root + "/kube.yaml", absl::StrCat(root, "/", scenario, "/config.yaml")}) {
    add(config::ReadYaml(path, ReadFile(path)));
  }
  add(config::ReadMeshConfig("mesh.yaml", ReadFile(root + "/mesh.yaml")));
  if (!errors.empty()) return ToStatus(errors);
  Recorded recorded;
  recorded.judge = absl::StrCat(shared, "/tools/xds_compare");
  recorded.world = World::Build(config::Snapshot::Of(std::move(resources)));
  const auto proxies = nlohmann::json::parse(ReadFile(root + "/proxies.json"), nullptr, false);
  if (!proxies.is_array()) return absl::NotFoundError(root + "/proxies.json");
  for (const auto& proxy : proxies) {
    absl::StatusOr<Node> node = ParseNodeJson(proxy.dump());
    if (!node.ok()) return node.status();
    if (folder == "local_none") node->interception = Interception::kNone;
    const std::string name = proxy["name"].get<std::string>();
    recorded.proxies.push_back(
        {name, *std::move(node), absl::StrCat(root, "/", scenario, "/", name)});
  }
  return recorded;
}

}  // namespace mesh::translate
