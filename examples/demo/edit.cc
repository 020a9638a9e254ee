#include "examples/demo/edit.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/config/read.h"
#include "mesh/local/files.h"

namespace demo {
namespace {

using istio::networking::v1alpha3::HTTPRoute;
using istio::networking::v1alpha3::VirtualService;

bool SendsJasonToV2(const HTTPRoute& route) {
  for (const auto& match : route.match()) {
    const auto it = match.headers().find("end-user");
    if (it != match.headers().end() && it->second.exact() == "jason" && route.route_size() == 1 &&
        route.route(0).destination().subset() == "v2") {
      return true;
    }
  }
  return false;
}

// The offset of the beginning of a 1-based line.
size_t LineStart(const std::string& text, int line) {
  size_t at = 0;
  for (int i = 1; i < line && at != std::string::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  return std::min(at, text.size());
}

std::string Document(const std::map<std::string, int>& weights) {
  std::string text =
      "apiVersion: networking.istio.io/v1alpha3\n"
      "kind: VirtualService\n"
      "metadata:\n"
      "  name: reviews\n"
      "  namespace: default\n"
      "spec:\n"
      "  hosts:\n"
      "  - reviews\n"
      "  http:\n"
      "  - match:\n"
      "    - headers:\n"
      "        end-user:\n"
      "          exact: jason\n"
      "    route:\n"
      "    - destination:\n"
      "        host: reviews\n"
      "        subset: v2\n"
      "  - route:\n";
  for (const auto& [subset, weight] : weights) {
    absl::StrAppend(&text, "    - destination:\n        host: reviews\n        subset: ", subset,
                    "\n      weight: ", weight, "\n");
  }
  if (weights.empty()) absl::StrAppend(&text, "    - destination:\n        host: reviews\n");
  return text;
}

}  // namespace

absl::StatusOr<ReviewsRoutes> ReviewsRoutes::Copy(const std::vector<std::string>& files,
                                                  const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(directory, error);
  ReviewsRoutes routes;
  routes.file_ = directory + "/reviews-routes.yaml";
  int number = 0;
  for (const std::string& path : files) {
    const auto found = mesh::local::ListYamlFiles(path);
    if (!found.ok()) return found.status();
    for (const std::string& file : *found) {
      const auto text = mesh::local::ReadFile(file);
      if (!text.ok()) return text.status();
      std::string copy = absl::StrCat(directory, "/", fs::path(file).filename().string());
      if (fs::exists(copy, error)) {
        copy = absl::StrCat(directory, "/", ++number, "-", fs::path(file).filename().string());
      }
      if (absl::Status status = mesh::local::WriteAtomically(copy, *text); !status.ok()) {
        return status;
      }
      for (const auto& resource : mesh::config::ReadYaml(copy, *text).resources) {
        if (resource->ObjectName() != "VirtualService default/reviews") continue;
        const auto& spec = resource->As<VirtualService>();
        for (const HTTPRoute& route : spec.http()) {
          routes.jason_to_v2_ = routes.jason_to_v2_ || SendsJasonToV2(route);
        }
        if (spec.http_size() > 0) {
          const HTTPRoute& last = spec.http(spec.http_size() - 1);
          for (const auto& destination : last.route()) {
            if (destination.destination().subset().empty()) continue;
            routes.weights_[destination.destination().subset()] =
                last.route_size() == 1 ? 100 : destination.weight();
          }
        }
        // The document's own lines: from its first key to the next "---".
        const size_t begin = LineStart(*text, resource->position().line);
        size_t end = begin;
        while (end < text->size() && text->compare(end, 3, "---") != 0) {
          end = text->find('\n', end);
          end = end == std::string::npos ? text->size() : end + 1;
        }
        routes.file_ = copy;
        routes.before_ = text->substr(0, begin);
        routes.after_ = text->substr(end);
      }
    }
  }
  return routes;
}

absl::Status ReviewsRoutes::Put(const std::string& document) {
  return mesh::local::WriteAtomically(file_, before_ + document + after_);
}

absl::Status ReviewsRoutes::Write(const std::map<std::string, int>& weights) {
  return Put(Document(weights));
}

absl::StatusOr<std::string> ReviewsRoutes::WriteBroken(const std::map<std::string, int>& weights) {
  std::string document = Document(weights);
  const size_t at = document.rfind("        host: reviews\n");
  document.insert(at + 10, "t");  // "hotst"
  const std::string all = before_ + document;
  const auto line = 1 + std::count(all.begin(), all.begin() + before_.size() + at, '\n');
  if (absl::Status status = Put(document); !status.ok()) return status;
  return absl::StrCat(file_, ":", line);
}

}  // namespace demo
