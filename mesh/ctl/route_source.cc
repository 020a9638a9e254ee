#include "mesh/ctl/route_source.h"

#include <iterator>
#include <ostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/config/snapshot.h"
#include "mesh/ctl/inputs.h"
#include "mesh/ctl/route_file.h"
#include "mesh/envoy/route.h"
#include "mesh/local/files.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/translate.h"
#include "mesh/translate/world.h"

namespace mesh::ctl {
namespace {

using Proto = ::envoy::config::route::v3::RouteConfiguration;

bool IsRouteConfiguration(const nlohmann::ordered_json& value) {
  return value.is_object() && !value.contains("kind") &&
         (value.contains("virtual_hosts") || value.contains("virtualHosts"));
}

// Loads one and appends it; errors are said and the routes in error left out.
void Load(const std::string& name, const Proto& proto, envoy::RouteOptions options,
          std::function<std::string(uint32_t, uint32_t)> object_of, Context* context,
          RouteTables* tables) {
  options.isolate_errors = true;
  envoy::LoadedRoutes loaded = envoy::LoadRouteConfig(proto, options);
  for (const FieldError& error : loaded.errors) {
    context->err << error.ToString() << "\n";
    context->exit_code = kFailed;
  }
  if (loaded.config == nullptr) return;
  RouteTable table;
  table.name = name.empty() ? proto.name() : name;
  table.config = std::move(loaded.config);
  table.object_of = std::move(object_of);
  tables->tables.push_back(std::move(table));
}

void LoadFile(const std::string& path, const JsonFile& json, Context* context,
              RouteTables* tables) {
  const absl::StatusOr<RouteFile> file = ToRouteFile(path, json);
  if (!file.ok()) {
    context->err << std::string(Std(file.status().message())) << "\n";
    context->exit_code = kFailed;
    return;
  }
  envoy::RouteOptions options;
  options.position = [&file](const std::string& field) { return file->PositionOf(field); };
  Load("", file->proto, options, nullptr, context, tables);
}

// The gateway that serves where no proxy is named.
std::string IngressGateway(const translate::World& world) {
  for (const std::string& pod : world.Pods()) {
    const absl::StatusOr<translate::Node> node = world.NodeOf(pod);
    if (!node.ok()) continue;
    const auto label = node->labels.find("istio");
    if (label != node->labels.end() && label->second == "ingressgateway") return pod;
  }
  return "";
}

void LoadIstio(const RouteSourceFlags& flags, Context* context, RouteTables* tables) {
  const Inputs inputs = ReadInputs(flags.input, context->in, context->err);
  for (const FieldError& error : inputs.Errors()) {
    context->err << error.ToString() << "\n";
    context->exit_code = kFailed;
  }
  if (inputs.unreadable) context->exit_code = kUnreadable;
  const auto world = translate::World::Build(config::Snapshot::Of(inputs.Resources()));
  const std::string proxy = flags.proxy.empty() ? IngressGateway(*world) : flags.proxy;
  if (proxy.empty()) {
    context->err << "meshctl: there is no ingress gateway; say --proxy POD.NAMESPACE, one of";
    for (const std::string& pod : world->Pods()) context->err << " " << pod;
    context->err << "\n";
    if (context->exit_code == kFine) context->exit_code = kFailed;
    return;
  }
  const absl::StatusOr<translate::Node> node = world->NodeOf(proxy);
  if (!node.ok()) {
    context->err << "meshctl: " << std::string(Std(node.status().message())) << "\n";
    if (context->exit_code == kFine) context->exit_code = kFailed;
    return;
  }
  const translate::Output output = translate::Translate(*world, *node);
  for (const translate::ResourcePtr& resource : output.routes) {
    const auto* proto = dynamic_cast<const Proto*>(resource->message.get());
    if (proto == nullptr) continue;
    envoy::RouteOptions options;
    options.position = [&resource](const std::string& field) {
      const translate::Origin* origin = resource->OriginOf(field);
      return origin == nullptr ? SourcePosition() : origin->position;
    };
    Load(
        resource->name, *proto, options,
        [resource](uint32_t host, uint32_t route) {
          const translate::Origin* origin =
              resource->OriginOf(absl::StrCat("virtual_hosts[", host, "].routes[", route, "]"));
          return origin == nullptr ? std::string() : origin->object;
        },
        context, tables);
  }
}

}  // namespace

void AddRouteSourceFlags(CLI::App* command, RouteSourceFlags* flags) {
  AddInputFlags(command, &flags->input);
  // Words may follow: one path for each -f.
  command->get_option("-f")->allow_extra_args(false);
  command->add_option("--proxy", flags->proxy,
                      "of Istio YAML: the proxy, POD.NAMESPACE (default: the ingress gateway)");
  command->add_option("--route", flags->route,
                      "the RouteConfiguration by name (default: by the URL's port)");
}

nlohmann::ordered_json RouteTable::RuleJson(uint32_t virtual_host, uint32_t route) const {
  nlohmann::ordered_json json;
  const auto& routes = config->virtual_hosts[virtual_host]->routes;
  const SourcePosition position = route < routes.size() ? routes[route].position : SourcePosition();
  json["file"] = position.file == nullptr ? "" : *position.file;
  json["line"] = position.line;
  json["resource"] = object_of ? object_of(virtual_host, route) : "";
  json["index"] = route;
  json["virtual_host"] = config->virtual_hosts[virtual_host]->name;
  json["name"] = route < routes.size() ? routes[route].name : "";
  return json;
}

std::string RouteTable::RuleText(uint32_t virtual_host, uint32_t route) const {
  const auto& host = *config->virtual_hosts[virtual_host];
  std::string text = absl::StrCat(host.name, " [", route, "]");
  if (route >= host.routes.size()) return text;
  if (!host.routes[route].name.empty()) absl::StrAppend(&text, " ", host.routes[route].name);
  const std::string object = object_of ? object_of(virtual_host, route) : "";
  const std::string position = host.routes[route].position.ToString();
  if (!object.empty()) absl::StrAppend(&text, " of ", object);
  if (!position.empty()) absl::StrAppend(&text, " (", position, ")");
  return text;
}

const RouteTable* RouteTables::ForUrl(std::string_view scheme, std::string_view host,
                                      int port) const {
  if (tables.size() == 1) return &tables[0];
  const std::string number = std::to_string(port);
  for (const RouteTable& table : tables) {
    if (table.name == absl::StrCat(Absl(host), ":", number)) return &table;
  }
  for (const RouteTable& table : tables) {
    if (table.name == number || table.name == absl::StrCat("http.", number) ||
        (scheme == "https" && absl::StartsWith(table.name, absl::StrCat("https.", number, ".")))) {
      return &table;
    }
  }
  return nullptr;
}

RouteTables ReadRouteTables(const RouteSourceFlags& flags, Context* context) {
  RouteTables tables;
  bool istio = false;
  for (const std::string& path : flags.input.paths) {
    std::vector<std::string> files = {path};
    if (path != "-") {
      absl::StatusOr<std::vector<std::string>> listed = local::ListYamlFiles(path);
      if (!listed.ok()) {
        context->err << "meshctl: " << std::string(Std(listed.status().message())) << "\n";
        context->exit_code = kUnreadable;
        continue;
      }
      files = *std::move(listed);
    }
    for (const std::string& file : files) {
      absl::StatusOr<std::string> bytes;
      if (file == "-") {
        // Read once: what is no RouteConfiguration on standard input cannot be read again.
        bytes = std::string(std::istreambuf_iterator<char>(context->in), {});
      } else {
        bytes = local::ReadFile(file);
      }
      if (!bytes.ok()) {
        context->err << "meshctl: " << std::string(Std(bytes.status().message())) << "\n";
        context->exit_code = kUnreadable;
        continue;
      }
      const absl::StatusOr<JsonFile> json = ReadJsonFile(file, *bytes);
      if (json.ok() && IsRouteConfiguration(json->value)) {
        LoadFile(file, *json, context, &tables);
      } else if (file == "-") {
        context->err << "meshctl: standard input is no RouteConfiguration; give Istio YAML as a "
                        "file\n";
        context->exit_code = kFailed;
      } else {
        istio = true;
      }
    }
  }
  if (istio) LoadIstio(flags, context, &tables);
  if (!flags.route.empty()) {
    std::vector<RouteTable> kept;
    std::string names;
    for (RouteTable& table : tables.tables) {
      absl::StrAppend(&names, " ", table.name);
      if (table.name == flags.route) kept.push_back(std::move(table));
    }
    if (kept.empty()) {
      context->err << "meshctl: no RouteConfiguration is called " << flags.route << "; there are"
                   << names << "\n";
      if (context->exit_code == kFine) context->exit_code = kFailed;
    }
    tables.tables = std::move(kept);
  }
  return tables;
}

RouteTables ReadRouteConfiguration(const std::string& path, Context* context) {
  RouteTables tables;
  const absl::StatusOr<std::string> bytes = local::ReadFile(path);
  if (!bytes.ok()) {
    context->err << "meshctl: " << std::string(Std(bytes.status().message())) << "\n";
    context->exit_code = kUnreadable;
    return tables;
  }
  const absl::StatusOr<JsonFile> json = ReadJsonFile(path, *bytes);
  if (!json.ok()) {
    context->err << std::string(Std(json.status().message())) << "\n";
    context->exit_code = kFailed;
    return tables;
  }
  LoadFile(path, *json, context, &tables);
  return tables;
}

}  // namespace mesh::ctl
