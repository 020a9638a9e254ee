#include "mesh/ctl/proxy_config.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/ctl/ask_meshd.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/proxy_config_rows.h"
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

// One of the verb's subcommands.
struct View {
  const char* name;
  const char* alias;
  const char* what;
  std::vector<std::string> columns;
  Json (*resources)(const ProxyDump& dump);
  void (*add_rows)(const Json& resource, Table* table);
};

const std::vector<View>& Views() {
  static const auto& views = *new std::vector<View>{
      {"listeners",
       "listener",
       "What the proxy listens on, and where each connection goes",
       {"ADDRESS", "PORT", "MATCH", "DESTINATION"},
       [](const ProxyDump& dump) { return dump.listeners; },
       AddListenerRows},
      {"clusters",
       "cluster",
       "What the proxy can send requests to",
       {"SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"},
       [](const ProxyDump& dump) { return dump.clusters; },
       AddClusterRows},
      {"routes",
       "route",
       "Which hosts and paths the proxy knows",
       {"NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"},
       [](const ProxyDump& dump) { return dump.routes; },
       AddRouteRows},
      {"endpoints",
       "endpoint",
       "Which addresses are behind the proxy's clusters",
       {"ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"},
       AllAssignments,
       AddEndpointRows},
  };
  return views;
}

// For a query's value: everything but unreserved characters (RFC 3986, 2.3) in percents.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped += static_cast<char>(c);
    } else {
      absl::StrAppend(&escaped, "%", absl::Hex(c, absl::kZeroPad2));
    }
  }
  return escaped;
}

// The proxies that meshd knows, a line each.
std::string Connected(const std::string& server, Context* context) {
  const auto response = AskMeshd(server, "/debug/syncz", context);
  if (!response) return "";
  const Json rows = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  std::string names;
  if (!rows.is_array()) return names;
  for (const Json& row : rows) {
    if (row.is_object() && row.contains("proxy") && row["proxy"].is_string()) {
      absl::StrAppend(&names, "\n  ", row["proxy"].get<std::string>());
    }
  }
  return names;
}

void Show(const View& view, const Flags& flags, Context* context) {
  const std::string path = "/debug/config_dump?proxyID=" + Escaped(flags.proxy);
  const auto response = AskMeshd(flags.server, path, context);
  if (!response) return;
  const Json page = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status != 200 || !page.is_object()) {
    context->exit_code = kFailed;
    if (response->status == 404) {
      const std::string connected = Connected(flags.server, context);
      context->err << "meshctl: no proxy \"" << flags.proxy
                   << "\" is connected; connected are:" << (connected.empty() ? " none" : connected)
                   << "\n";
    } else {
      context->err << "meshctl: meshd at " << flags.server
                   << " answered /debug/config_dump with status " << response->status << "\n";
    }
    return;
  }
  const Json resources = view.resources(ReadProxyDump(page));
  if (flags.output.format != "table") {
    WriteJson(resources, flags.output.format, context->out);
    return;
  }
  Table table(view.columns);
  for (const Json& resource : resources) view.add_rows(resource, &table);
  table.Print(context->out, flags.output.UseColor(context->out));
}

void ShowSecrets(const Flags& flags, Context* context) {
  const auto response =
      AskMeshd(flags.server, "/debug/secrets?proxyID=" + Escaped(flags.proxy), context);
  if (!response) return;
  const Json rows = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status != 200 || !rows.is_array()) {
    context->exit_code = kFailed;
    // meshd names the connected ones.
    context->err << "meshctl: "
                 << (response->status == 404
                         ? std::string(absl::StripTrailingAsciiWhitespace(response->body))
                         : absl::StrCat("meshd at ", flags.server,
                                        " answered /debug/secrets with status ", response->status))
                 << "\n";
    return;
  }
  if (flags.output.format != "table") {
    return WriteJson(rows, flags.output.format, context->out);
  }
  Table table({"NAME", "TYPE", "IDENTITY", "EXPIRES", "SERIAL"});
  for (const Json& row : rows) {
    const auto valid = row.find("valid");
    const bool good = valid != row.end() && valid->is_boolean() && valid->get<bool>();
    table.Add({TextOf(row, "name"), TextOf(row, "type"),
               TextOf(row, TextOf(row, "identity").empty() ? "subject" : "identity"),
               Cell(TextOf(row, "expires"), good ? Tint::kGood : Tint::kBad),
               TextOf(row, "serial")});
  }
  table.Print(context->out, flags.output.UseColor(context->out));
}

}  // namespace

void AddProxyConfig(CLI::App* root, Context* context) {
  CLI::App* verb =
      root->add_subcommand("proxy-config", "Show what meshd sent to a proxy, type by type");
  verb->require_subcommand(1);
  AddExamples(verb, {"meshctl proxy-config clusters productpage-v1-0.default",
                     "meshctl proxy-config routes istio-ingressgateway-0.istio-system",
                     "meshctl proxy-config endpoints productpage-v1-0.default -o json"});
  for (const View& view : Views()) {
    CLI::App* command = verb->add_subcommand(view.name, view.what)->alias(view.alias);
    auto flags = std::make_shared<Flags>();
    command->add_option("proxy", flags->proxy, "Whose")->type_name("POD.NAMESPACE")->required();
    AddServerFlag(command, &flags->server);
    AddOutputFlags(command, &flags->output);
    const std::string example = absl::StrCat("meshctl proxy-config ", view.name);
    AddExamples(command, {example + " productpage-v1-0.default",
                          example + " istio-ingressgateway-0.istio-system -o json",
                          example + " reviews-v1-0.default --server 127.0.0.1:15014 -o yaml"});
    command->callback([&view, context, flags] { Show(view, *flags, context); });
  }
  CLI::App* secrets =
      verb->add_subcommand("secrets", "Which certificates the proxy holds, and until when")
          ->alias("secret");
  auto flags = std::make_shared<Flags>();
  secrets->add_option("proxy", flags->proxy, "Whose")->type_name("POD.NAMESPACE")->required();
  AddServerFlag(secrets, &flags->server);
  AddOutputFlags(secrets, &flags->output);
  AddExamples(secrets, {"meshctl proxy-config secret productpage-v1-0.default",
                        "meshctl proxy-config secret istio-ingressgateway-0.istio-system -o json"});
  secrets->callback([context, flags] { ShowSecrets(*flags, context); });
}

}  // namespace mesh::ctl
