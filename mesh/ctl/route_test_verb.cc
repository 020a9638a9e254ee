#include "mesh/ctl/route_test_verb.h"

#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/strings.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/route_file.h"
#include "mesh/ctl/route_request.h"
#include "mesh/ctl/route_source.h"
#include "mesh/ctl/table.h"
#include "mesh/envoy/route.h"
#include "mesh/http/host.h"
#include "mesh/local/files.h"
#include "mesh/route/action/apply.h"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;
namespace action = route::action;

struct Difference {
  std::string field, want, got;
};
struct Result {
  std::string name;
  std::vector<Difference> differences;
};

// The tool's `runtime`: the one key that is on; fractions by other keys are off.
class TestFacts final : public route::Facts {
 public:
  std::optional<uint64_t> RuntimeInteger(std::string_view key) const override {
    if (key == active) return std::nullopt;
    return 0;
  }
  std::string active;
};

std::string Text(const Json& object, const char* key, const char* otherwise = "") {
  if (!object.contains(key)) return otherwise;
  const Json& value = object[key];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// {"key","value"} or {"header":{"key","value"}} lists.
void AddHeaders(const Json& list, http::HeaderList* headers) {
  if (!list.is_array()) return;
  for (const Json& one : list) {
    const Json& header = one.contains("header") ? one["header"] : one;
    headers->Add(Text(header, "key"), Text(header, "value"));
  }
}

class Runner {
 public:
  explicit Runner(const action::RouteConfig& config) : config_(config) {}

  Result Run(const Json& test) {
    Result result;
    result.name = Text(test, "test_name");
    const Json input = test.value("input", Json::object());
    const Json validate = test.value("validate", Json::object());
    WrittenRequest written;
    written.method = Text(input, "method", "GET");
    written.authority = Text(input, "authority");
    written.path = Text(input, "path", "/");
    written.scheme = input.value("ssl", false) ? "https" : "http";
    written.random = input.value("random_value", uint64_t{0});
    written.headers.Set("x-forwarded-proto", written.scheme);
    if (input.value("internal", false)) written.headers.Set("x-envoy-internal", "true");
    AddHeaders(input.value("additional_request_headers", Json::array()), &written.headers);
    AddHeaders(input.value("additional_headers", Json::array()), &written.headers);
    TestFacts facts;
    facts.active = Text(input, "runtime");
    route::Request request = written.AsRequest();
    request.facts = &facts;

    const route::Match match = config_.table->Find(request);
    if (match.found()) reached.emplace(match.virtual_host, match.rule);
    const action::Route* route = config_.RouteOf(match);
    const auto* forward = route == nullptr ? nullptr : std::get_if<action::Forward>(&route->action);
    action::ClusterChoice choice;
    action::RequestTarget target{written.authority, written.path};
    http::HeaderList request_headers = written.headers;
    http::HeaderList response_headers;
    AddHeaders(input.value("additional_response_headers", Json::array()), &response_headers);
    if (forward != nullptr) {
      choice = action::PickCluster(*forward, request);
      action::ApplyRequest(config_, match, choice, request, nullptr, &target, &request_headers);
    }
    if (route != nullptr) {
      action::ApplyResponse(config_, match, choice, request, nullptr, &response_headers);
    }
    std::string redirect;
    int code = 0;
    if (match.outcome == route::Match::Outcome::kTlsRequired) {
      redirect = action::TlsRedirectLocation(request);
      code = 301;
    } else if (route != nullptr && std::holds_alternative<action::Redirect>(route->action)) {
      redirect = action::RedirectLocation(*route, request);
      code = std::get<action::Redirect>(route->action).status;
    } else if (route != nullptr && std::holds_alternative<action::DirectResponse>(route->action)) {
      code = std::get<action::DirectResponse>(route->action).status;
    }
    std::string host_name, virtual_cluster;
    if (const action::VirtualHostActions* host = config_.HostOf(match)) {
      host_name = host->name;
      if (forward != nullptr) {
        virtual_cluster =
            std::string(config_.table->FindVirtualCluster(match.virtual_host, request));
        if (virtual_cluster.empty()) virtual_cluster = "other";
      }
    }
    const auto expect = [&](const char* field, const std::string& got) {
      if (!validate.contains(field)) return;
      const std::string want = Text(validate, field);
      if (want != got) result.differences.push_back({field, want, got});
    };
    expect("cluster_name", std::string(choice.cluster));
    expect("virtual_cluster_name", virtual_cluster);
    expect("virtual_host_name", match.found() ? host_name : "");
    expect("path_rewrite", forward == nullptr ? "" : target.path);
    expect("host_rewrite", forward == nullptr ? "" : target.authority);
    expect("path_redirect", redirect);
    if (validate.contains("code_redirect")) expect("code_redirect", std::to_string(code));
    // What header checks see of the request: with its pseudo headers.
    http::HeaderList seen = request_headers;
    seen.Set(":path", target.path);
    seen.Set(":authority", target.authority);
    seen.Set(":method", written.method);
    seen.Set(":scheme", written.scheme);
    for (const char* field : {"request_header_fields", "header_fields", "custom_header_fields"}) {
      CheckFields(field, validate, seen, &result);
    }
    CheckFields("response_header_fields", validate, response_headers, &result);
    CheckMatches("request_header_matches", validate, seen, &result);
    CheckMatches("response_header_matches", validate, response_headers, &result);
    return result;
  }

  std::set<std::pair<uint32_t, uint32_t>> reached;

 private:
  static void CheckFields(const char* field, const Json& validate, const http::HeaderList& headers,
                          Result* result) {
    if (!validate.contains(field)) return;
    for (const Json& one : validate[field]) {
      const Json& header = one.contains("header") ? one["header"] : one;
      const std::string name = Text(header, "key");
      const std::string want = Text(header, "value");
      const std::string got(
          http::JoinedHeader(headers.view(), http::LowerCase(std::string_view(name))).value());
      if (got != want) result->differences.push_back({absl::StrCat(field, ".", name), want, got});
    }
  }

  // Each matcher as the condition of a rule of its own.
  static void CheckMatches(const char* field, const Json& validate, const http::HeaderList& headers,
                           Result* result) {
    if (!validate.contains(field)) return;
    for (const Json& matcher : validate[field]) {
      const std::string name = Text(matcher, "name");
      const Json config = {
          {"virtual_hosts",
           Json::array(
               {{{"name", "check"},
                 {"domains", Json::array({"*"})},
                 {"routes",
                  Json::array({{{"match", {{"prefix", ""}, {"headers", Json::array({matcher})}}},
                                {"non_forwarding_action", Json::object()}}})}}})}};
      ::envoy::config::route::v3::RouteConfiguration proto;
      const auto status = google::protobuf::util::JsonStringToMessage(config.dump(), &proto);
      const auto loaded = status.ok() ? envoy::LoadRoutes(proto)
                                      : absl::InvalidArgumentError(std::string(status.message()));
      if (!loaded.ok()) {
        result->differences.push_back({absl::StrCat(field, ".", name), matcher.dump(),
                                       std::string(Std(loaded.status().message()))});
        continue;
      }
      route::Request request;
      request.authority = "check";
      const std::string path(headers.view().First(":path").value_or("/"));
      const std::string method(headers.view().First(":method").value_or("GET"));
      const std::string authority(headers.view().First(":authority").value_or("check"));
      request.path = path;
      request.method = method;
      request.authority = authority;
      request.headers = headers.view();
      if (!(*loaded)->table->Find(request).found()) {
        result->differences.push_back(
            {absl::StrCat(field, ".", name), matcher.dump(),
             headers.view().Has(name)
                 ? std::string(http::JoinedHeader(headers.view(), name).value())
                 : "no such header"});
      }
    }
  }

  const action::RouteConfig& config_;
};

struct Flags {
  std::string config, tests, format = "table", color = "auto";
  bool coverage = false;
};

std::string Xml(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"\n", "&#10;"}});
}

void PrintJunit(const std::vector<Result>& results, int failed, std::ostream& out) {
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"route\" tests=\""
      << results.size() << "\" failures=\"" << failed << "\">\n";
  for (const Result& result : results) {
    out << "  <testcase classname=\"route\" name=\"" << Xml(result.name) << "\"";
    if (result.differences.empty()) {
      out << "/>\n";
      continue;
    }
    out << ">\n    <failure message=\"";
    bool first = true;
    for (const Difference& d : result.differences) {
      out << (first ? "" : "; ") << Xml(d.field) << ": want " << Xml("\"" + d.want + "\"")
          << ", got " << Xml("\"" + d.got + "\"");
      first = false;
    }
    out << "\"/>\n  </testcase>\n";
  }
  out << "</testsuite>\n";
}

void RunRouteTest(const Flags& flags, Context* context) {
  const RouteTables tables = ReadRouteConfiguration(flags.config, context);
  const absl::StatusOr<std::string> bytes = local::ReadFile(flags.tests);
  if (!bytes.ok()) {
    context->err << "meshctl: " << std::string(Std(bytes.status().message())) << "\n";
    context->exit_code = kUnreadable;
    return;
  }
  const absl::StatusOr<JsonFile> json = ReadJsonFile(flags.tests, *bytes);
  if (!json.ok()) {
    context->err << std::string(Std(json.status().message())) << "\n";
    context->exit_code = kFailed;
    return;
  }
  if (tables.tables.empty()) return;
  const Json& root = json->value;
  const Json tests = root.is_array()    ? root
                     : root.is_object() ? root.value("tests", Json::array())
                                        : Json::array();
  if (tests.empty()) {
    context->err << flags.tests << ": has no tests; write\ntests:\n- test_name: cart\n  input: "
                 << "{authority: shop.example, path: /cart}\n  validate: {cluster_name: cart}\n";
    context->exit_code = kFailed;
    return;
  }
  const RouteTable& table = tables.tables[0];
  Runner runner(*table.config);
  std::vector<Result> results;
  int failed = 0;
  for (const Json& test : tests) {
    results.push_back(runner.Run(test));
    failed += !results.back().differences.empty();
  }
  if (failed > 0) context->exit_code = kFailed;
  std::vector<std::pair<uint32_t, uint32_t>> uncovered;
  for (uint32_t i = 0; i < table.config->virtual_hosts.size(); ++i) {
    for (uint32_t j = 0; j < table.config->virtual_hosts[i]->routes.size(); ++j) {
      if (runner.reached.count({i, j}) == 0) uncovered.emplace_back(i, j);
    }
  }
  if (flags.format == "junit") return PrintJunit(results, failed, context->out);
  if (flags.format != "table") {
    Json out;
    out["passed"] = results.size() - failed;
    out["failed"] = failed;
    out["results"] = Json::array();
    for (const Result& result : results) {
      Json one = {{"test_name", result.name},
                  {"passed", result.differences.empty()},
                  {"differences", Json::array()}};
      for (const Difference& d : result.differences) {
        one["differences"].push_back({{"field", d.field}, {"want", d.want}, {"got", d.got}});
      }
      out["results"].push_back(std::move(one));
    }
    if (flags.coverage) {
      out["uncovered"] = Json::array();
      for (const auto& [host, route] : uncovered) {
        out["uncovered"].push_back(table.RuleJson(host, route));
      }
    }
    return WriteJson(out, flags.format, context->out);
  }
  for (const Result& result : results) {
    context->out << (result.differences.empty() ? "ok    " : "FAIL  ") << result.name << "\n";
    for (const Difference& d : result.differences) {
      context->out << "      " << d.field << ": want \"" << d.want << "\", got \"" << d.got
                   << "\"\n";
    }
  }
  context->out << results.size() - failed << " passed, " << failed << " failed\n";
  if (flags.coverage) {
    for (const auto& [host, route] : uncovered) {
      context->out << "no test reaches " << table.RuleText(host, route) << "\n";
    }
  }
}

}  // namespace

void AddRouteTest(CLI::App* route, Context* context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = route->add_subcommand(
      "test", "Check a RouteConfiguration against assertions (Envoy's router_check_tool format)");
  command->add_option("--config", flags->config, "the RouteConfiguration, YAML or JSON")
      ->required();
  command->add_option("--tests", flags->tests, "the tests, YAML or JSON")->required();
  command->add_flag("--coverage", flags->coverage, "list the routes that no test reaches");
  command->add_option("-o", flags->format, "table, json, yaml or junit")
      ->check(CLI::IsMember({"table", "json", "yaml", "junit"}));
  const std::string shop =
      "bin/meshctl route test --config examples/routes/shop.yaml "
      "--tests examples/routes/tests.yaml";
  AddExamples(command, {shop, shop + " --coverage", shop + " -o junit"});
  command->callback([flags, context] { RunRouteTest(*flags, context); });
}

}  // namespace mesh::ctl
