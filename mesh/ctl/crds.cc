#include "mesh/ctl/crds.h"

#include <memory>
#include <ostream>
#include <string>

#include "mesh/config/kind.h"
#include "mesh/ctl/crd_schema.h"
#include "mesh/ctl/json_output.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

void Print(const std::string& format, Context* context) {
  Json items = Json::array();
  for (config::Kind kind : CustomKinds()) {
    Json definition = DefinitionOf(config::InfoOf(kind));
    if (format == "json") {
      items.push_back(std::move(definition));
      continue;
    }
    context->out << "---\n";
    WriteJson(definition, "yaml", context->out);
  }
  if (format == "json") {
    WriteJson(Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}}, format,
              context->out);
  }
}

}  // namespace

void AddCrds(CLI::App* root, Context* context) {
  CLI::App* command = root->add_subcommand(
      "crds", "Print the CustomResourceDefinitions of the kinds that the mesh reads");
  auto format = std::make_shared<std::string>("yaml");
  command->add_option("-o,--output", *format, "Format")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->capture_default_str();
  AddExamples(command, {"meshctl crds | kubectl apply -f -", "meshctl crds -o json"});
  command->callback([context, format] { Print(*format, context); });
}

}  // namespace mesh::ctl
