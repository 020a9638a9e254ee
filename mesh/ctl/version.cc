#include "mesh/ctl/version.h"

#include <memory>
#include <ostream>

#include "mesh/base/version.h"
#include "mesh/ctl/json_output.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

void AddVersion(CLI::App* root, Context* context) {
  CLI::App* command = root->add_subcommand("version", "Print the version of meshctl");
  auto output = std::make_shared<OutputFlags>();
  AddOutputFlags(command, output.get());
  AddExamples(command, {"meshctl version", "meshctl version -o json", "meshctl version -o yaml"});
  command->callback([context, output] {
    if (output->format == "table") {
      context->out << "meshctl " << kVersion << " (Istio " << kIstioSemantics << " semantics)\n";
      return;
    }
    WriteJson(nlohmann::ordered_json{{"meshctl", kVersion}, {"istio", kIstioSemantics}},
              output->format, context->out);
  });
}

}  // namespace mesh::ctl
