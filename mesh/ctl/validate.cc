#include "mesh/ctl/validate.h"

#include <memory>
#include <ostream>

#include "mesh/ctl/inputs.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/table.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;
using config::ReadObject;

struct Counts {
  int valid = 0, invalid = 0, skipped = 0;
};

Json ToJson(const ReadObject& object, const std::string& file) {
  Json errors = Json::array();
  for (const FieldError& error : object.errors) {
    errors.push_back({{"line", error.position.line},
                      {"column", error.position.column},
                      {"field", error.field},
                      {"message", error.message}});
  }
  Json row = {{"file", file},
              {"line", object.position.line},
              {"kind", object.kind},
              {"apiVersion", object.api_version},
              {"namespace", object.ns},
              {"name", object.name},
              {"valid", object.errors.empty()},
              {"errors", errors}};
  if (!object.skipped.empty()) row["skipped"] = object.skipped;
  return row;
}

void Validate(const InputFlags& input, const OutputFlags& output, Context* context) {
  const Inputs inputs = ReadInputs(input, context->in, context->err);
  const bool words = output.format == "table";
  Json rows = Json::array();
  Table table({"FILE", "KIND", "NAMESPACE", "NAME", "RESULT"});
  Counts counts;
  for (const config::ReadResult& file : inputs.files) {
    for (const ReadObject& object : file.objects) {
      const bool valid = object.errors.empty();
      const bool skipped = valid && !object.skipped.empty();
      ++(!valid ? counts.invalid : skipped ? counts.skipped : counts.valid);
      if (!words) {
        rows.push_back(
            ToJson(object, object.position.file == nullptr ? "" : *object.position.file));
        continue;
      }
      SourcePosition line = object.position;
      line.column = 0;
      table.Add({line.ToString(), object.kind.empty() ? "?" : object.kind,
                 object.ns.empty() ? "-" : object.ns, object.name.empty() ? "-" : object.name,
                 !valid    ? Cell("invalid", Tint::kBad)
                 : skipped ? Cell("skipped: " + object.skipped, Tint::kWarning)
                           : Cell("valid", Tint::kGood)});
    }
  }
  if (words) {
    table.Print(context->out, output.UseColor(context->out));
    for (const FieldError& error : inputs.Errors()) context->err << error.ToString() << "\n";
    context->err << counts.valid << " valid, " << counts.invalid << " invalid, " << counts.skipped
                 << " skipped\n";
  } else {
    WriteJson(rows, output.format, context->out);
    for (const config::ReadResult& file : inputs.files) {
      for (const ReadObject& object : file.objects) {
        if (object.skipped.empty()) continue;
        context->err << object.position.ToString() << ": " << object.kind << " " << object.ns
                     << (object.ns.empty() ? "" : "/") << object.name
                     << " skipped: " << object.skipped << "\n";
      }
    }
  }
  context->exit_code = inputs.unreadable ? kUnreadable : counts.invalid > 0 ? kFailed : kFine;
}

}  // namespace

void AddValidate(CLI::App* root, Context* context) {
  CLI::App* command =
      root->add_subcommand("validate", "Check each resource by itself, every error with its place");
  auto input = std::make_shared<InputFlags>();
  auto output = std::make_shared<OutputFlags>();
  AddInputFlags(command, input.get());
  AddOutputFlags(command, output.get());
  AddExamples(command, {"meshctl validate -f bookinfo.yaml", "meshctl validate -f config/ -o json",
                        "kubectl get virtualservices -A -o yaml | meshctl validate -f -"});
  command->callback([context, input, output] { Validate(*input, *output, context); });
}

}  // namespace mesh::ctl
