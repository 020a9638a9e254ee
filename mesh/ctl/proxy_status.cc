#include "mesh/ctl/proxy_status.h"

#include <memory>
#include <ostream>

#include "mesh/ctl/ask_meshd.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/table.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  OutputFlags output;
  std::string server;
  std::string proxy;
};

Cell State(const Json& row, const char* type) {
  const std::string state = TextOf(row, type);
  return {state, state == "SYNCED"   ? Tint::kGood
                 : state == "STALE"  ? Tint::kWarning
                 : state == "NACKED" ? Tint::kBad
                                     : Tint::kNone};
}

void ShowStatus(const Flags& flags, Context* context) {
  const auto fail = [context](const std::string& what) {
    context->err << "meshctl: " << what << "\n";
    context->exit_code = kFailed;
  };
  const auto response = AskMeshd(flags.server, "/debug/syncz", context);
  if (!response) return;
  const Json all = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status != 200 || !all.is_array()) {
    return fail("meshd at " + flags.server + " answered /debug/syncz with status " +
                std::to_string(response->status));
  }
  Json rows = Json::array();
  std::string connected;
  for (const Json& row : all) {
    if (!row.is_object()) continue;
    connected += "\n  " + TextOf(row, "proxy");
    if (flags.proxy.empty() || TextOf(row, "proxy") == flags.proxy) rows.push_back(row);
  }
  if (!flags.proxy.empty() && rows.empty()) {
    return fail("no proxy \"" + flags.proxy + "\" is connected; connected are:" + connected);
  }
  if (flags.output.format != "table") return WriteJson(rows, flags.output.format, context->out);
  Table table({"PROXY", "CDS", "LDS", "EDS", "RDS", "MESHD", "VERSION"});
  for (const Json& row : rows) {
    table.Add({TextOf(row, "proxy"), State(row, "cds"), State(row, "lds"), State(row, "eds"),
               State(row, "rds"), TextOf(row, "meshd"), TextOf(row, "version")});
  }
  table.Print(context->out, flags.output.UseColor(context->out));
  for (const Json& row : rows) {
    if (TextOf(row, "reason").empty()) continue;
    context->err << TextOf(row, "proxy") << " rejected: " << TextOf(row, "reason") << "\n";
  }
}

}  // namespace

void AddProxyStatus(CLI::App* root, Context* context) {
  CLI::App* command = root->add_subcommand(
      "proxy-status", "Show what each proxy acknowledged of what meshd sent it");
  auto flags = std::make_shared<Flags>();
  command->add_option("proxy", flags->proxy, "Only this one")->type_name("POD.NAMESPACE");
  AddServerFlag(command, &flags->server);
  AddOutputFlags(command, &flags->output);
  AddExamples(command, {"meshctl proxy-status", "meshctl proxy-status reviews-v1-0.default",
                        "meshctl proxy-status --server 127.0.0.1:15014 -o json"});
  command->callback([context, flags] { ShowStatus(*flags, context); });
}

}  // namespace mesh::ctl
