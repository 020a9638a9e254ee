#include "mesh/ctl/translate.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <set>

#include "mesh/config/snapshot.h"
#include "mesh/ctl/inputs.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/table.h"
#include "mesh/local/files.h"
#include "mesh/translate/node.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/translate.h"
#include "mesh/translate/world.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

struct Flags {
  InputFlags input;
  OutputFlags output;
  std::string proxy;
  std::string node_file;
  std::string mesh_file;
  std::string interception;
  std::vector<std::string> types;

  bool Wants(const std::string& type) const {
    return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
  }
};

// The proxy the flags name. Nothing when there is none, which has been said.
std::optional<translate::Node> FindNode(const Flags& flags, const translate::World& world,
                                        Context* context) {
  absl::StatusOr<translate::Node> node;
  if (!flags.proxy.empty()) {
    node = world.NodeOf(flags.proxy);
  } else {
    const absl::StatusOr<std::string> text = local::ReadFile(flags.node_file);
    if (!text.ok()) {
      context->err << "meshctl: " << std::string(text.status().message()) << "\n";
      context->exit_code = kUnreadable;
      return std::nullopt;
    }
    node = translate::ParseNodeJson(*text);
  }
  if (!node.ok()) {
    context->err << "meshctl: " << std::string(node.status().message()) << "\n";
    context->exit_code = kFailed;
    return std::nullopt;
  }
  if (!flags.interception.empty()) {
    const absl::StatusOr<translate::Interception> interception =
        translate::ParseInterception(flags.interception);
    if (interception.ok()) node->interception = *interception;
  }
  return *node;
}

void PrintTable(const Flags& flags, const translate::Output& output, std::ostream& out) {
  Table table({"TYPE", "NAME", "FROM"});
  const auto add = [&](const char* type, const std::vector<translate::ResourcePtr>& resources) {
    if (!flags.Wants(type)) return;
    for (const translate::ResourcePtr& resource : resources) {
      const translate::Origin* origin = resource->OriginOf("");
      std::string from;
      if (origin != nullptr) {
        const std::string position = origin->position.ToString();
        from = origin->object + (position.empty() ? "" : " (" + position + ")");
      }
      table.Add({type, resource->name, from});
    }
  };
  add("lds", output.listeners);
  add("cds", output.clusters);
  add("rds", output.routes);
  add("eds", output.endpoints);
  table.Print(out, flags.output.UseColor(out));
}

void RunTranslate(const Flags& flags, Context* context) {
  WorldInputs inputs = ReadWorldInputs(flags.input, flags.mesh_file, context->in, context->err);
  const auto world = translate::World::Build(config::Snapshot::Of(std::move(inputs.resources)));
  if (const auto node = FindNode(flags, *world, context); node.has_value()) {
    const translate::Output output = translate::Translate(*world, *node);
    for (const translate::Finding& finding : output.findings) {
      context->err << finding.ToString() << "\n";
    }
    if (flags.output.format == "table") {
      PrintTable(flags, output, context->out);
    } else {
      translate::JsonOptions options;
      options.listeners = flags.Wants("lds");
      options.clusters = flags.Wants("cds");
      options.routes = flags.Wants("rds");
      options.endpoints = flags.Wants("eds");
      const absl::StatusOr<std::string> text = translate::OutputToJson(output, options);
      const auto json = text.ok() ? nlohmann::ordered_json::parse(*text, nullptr, false)
                                  : nlohmann::ordered_json();
      if (!text.ok()) {
        context->err << "meshctl: " << std::string(text.status().message()) << "\n";
        context->exit_code = kFailed;
      } else {
        WriteJson(json, flags.output.format, context->out);
      }
    }
  }
  context->exit_code = inputs.ExitCode(context->exit_code);
}

}  // namespace

void AddTranslate(CLI::App* root, Context* context) {
  CLI::App* command = root->add_subcommand("translate", "Show what a proxy would be sent");
  auto flags = std::make_shared<Flags>();
  AddInputFlags(command, &flags->input);
  AddOutputFlags(command, &flags->output);
  CLI::Option* proxy = command->add_option("--proxy", flags->proxy, "The pod beside the proxy")
                           ->type_name("POD.NAMESPACE");
  CLI::Option* node =
      command->add_option("--node", flags->node_file, "A proxy that no pod describes, as JSON")
          ->type_name("FILE")
          ->excludes(proxy);
  proxy->excludes(node);
  command->add_option("--mesh", flags->mesh_file, "MeshConfig, as YAML")->type_name("FILE");
  command->add_option("--type", flags->types, "Only these of lds, cds, rds, eds (comma-separated)")
      ->delimiter(',')
      ->check(CLI::IsMember({"lds", "cds", "rds", "eds"}))
      ->type_name("TYPES");
  command
      ->add_option("--interception", flags->interception,
                   "How traffic comes to the proxy: none, redirect or tproxy")
      ->check(CLI::IsMember({"none", "redirect", "tproxy"}, CLI::ignore_case))
      ->type_name("MODE");
  AddExamples(command,
              {"meshctl translate -f bookinfo.yaml --proxy productpage-v1-0.default -o json",
               "meshctl translate -f config/ --proxy reviews-v1-0.default --type rds -o yaml",
               "meshctl translate -f config/ --node node.json --mesh mesh.yaml -o json"});
  command->callback([context, flags] {
    if (flags->proxy.empty() && flags->node_file.empty()) {
      throw CLI::ValidationError("one of --proxy and --node is required");
    }
    RunTranslate(*flags, context);
  });
}

}  // namespace mesh::ctl
