#include "mesh/ctl/route.h"

#include <memory>
#include <ostream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/route_request.h"
#include "mesh/ctl/route_source.h"
#include "mesh/ctl/route_test_verb.h"
#include "mesh/http/host.h"
#include "mesh/local/files.h"
#include "mesh/route/action/apply.h"
#include "mesh/route/proof/difference.h"
#include "mesh/route/proof/host_overlap.h"
#include "mesh/route/proof/reachability.h"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;
namespace action = route::action;
namespace proof = route::proof;

struct MatchFlags {
  RouteSourceFlags source;
  OutputFlags output;
  std::string method, url, log;
  std::vector<std::string> headers;
  uint64_t random = 0;
  bool explain = false;
};

// The whole answer for one request.
Json MatchJson(const RouteTable& table, const WrittenRequest& written, bool explain) {
  const action::RouteConfig& config = *table.config;
  const route::Request request = written.AsRequest();
  const route::Match match = config.table->Find(request);
  const action::Route* route = config.RouteOf(match);
  const bool tls = match.outcome == route::Match::Outcome::kTlsRequired;
  Json json;
  json["matched"] = route != nullptr || tls;
  const action::VirtualHostActions* host = config.HostOf(match);
  json["virtual_host"] = host == nullptr ? "" : host->name;
  json["route"] = route == nullptr ? "" : route->name;
  json["rule"] = route == nullptr ? Json() : table.RuleJson(match.virtual_host, match.rule);
  json["cluster"] = "";
  json["weighted"] = Json::array();
  json["redirect"] = tls ? action::TlsRedirectLocation(request) : "";
  json["direct_response"] = nullptr;
  json["path_rewrite"] = "";
  json["host_rewrite"] = "";
  json["timeout"] = "";
  if (route != nullptr) {
    if (const auto* forward = std::get_if<action::Forward>(&route->action)) {
      const action::ClusterChoice choice = action::PickCluster(*forward, request);
      json["cluster"] = std::string(choice.cluster);
      for (const action::WeightedCluster& one : forward->weighted) {
        json["weighted"].push_back({{"cluster", one.name}, {"weight", one.weight}});
      }
      action::RequestTarget target{written.authority, written.path};
      http::HeaderList headers = written.headers;
      action::ApplyRequest(config, match, choice, request, nullptr, &target, &headers);
      if (target.path != written.path) json["path_rewrite"] = target.path;
      if (target.authority != written.authority) json["host_rewrite"] = target.authority;
      json["timeout"] = std::string(absl::FormatDuration(forward->timeout));
    } else if (std::holds_alternative<action::Redirect>(route->action)) {
      json["redirect"] = action::RedirectLocation(*route, request);
    } else if (const auto* response = std::get_if<action::DirectResponse>(&route->action)) {
      json["direct_response"] = {{"status", response->status}, {"body", response->body}};
    }
  }
  if (explain) {
    json["explain"] = Json::array();
    for (const route::Explanation::Step& step : config.table->Explain(request).steps) {
      if (step.failed.empty()) continue;
      json["explain"].push_back(
          {{"rule", table.RuleJson(match.virtual_host, step.rule)}, {"failed", step.failed}});
    }
  }
  return json;
}

void PrintMatch(const RouteTable& table, const WrittenRequest& written, bool explain,
                std::ostream& out) {
  const route::Request request = written.AsRequest();
  const route::Explanation why = table.config->table->Explain(request);
  out << written.ToString() << "\n";
  if (why.match.outcome == route::Match::Outcome::kNoVirtualHost) {
    out << "  404: no virtual host of " << table.name << " has the host " << why.host << "\n";
    return;
  }
  out << "  virtual host " << why.virtual_host << " by " << why.domain << " (" << why.why << ")\n";
  for (const route::Explanation::Step& step : why.steps) {
    if (!explain || step.failed.empty()) continue;
    out << "  not  " << table.RuleText(why.match.virtual_host, step.rule) << "\n       "
        << step.failed << "\n";
  }
  if (why.match.found()) {
    out << "  rule " << table.RuleText(why.match.virtual_host, why.match.rule) << "\n";
  }
  out << "  -> " << FateOf(*table.config, why.match) << "\n";
  if (table.config->RouteOf(why.match) != nullptr) {
    const Json json = MatchJson(table, written, false);
    for (const char* key : {"cluster", "path_rewrite", "host_rewrite", "redirect", "timeout"}) {
      const std::string value = json[key].get<std::string>();
      if (value.empty()) continue;
      const bool no_timeout = std::string_view(key) == "timeout" && value == "0";
      out << "     " << key << ": " << (no_timeout ? "none" : value) << "\n";
    }
  }
}

// The requests that the flags name: one, or those of a log.
std::vector<WrittenRequest> Requests(const std::string& log, const std::string& method,
                                     const std::string& url,
                                     const std::vector<std::string>& headers, uint64_t random,
                                     Context* context) {
  std::vector<WrittenRequest> requests;
  if (!log.empty()) {
    const absl::StatusOr<std::string> text = local::ReadFile(log);
    if (!text.ok()) {
      context->err << "meshctl: " << std::string(Std(text.status().message())) << "\n";
      context->exit_code = kUnreadable;
      return requests;
    }
    std::istringstream lines(*text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.empty()) continue;
      if (auto request = ParseLogLine(line)) {
        requests.push_back(*std::move(request));
      } else {
        context->err << log << ":" << number << ": not a line of Istio's access log\n";
      }
    }
    return requests;
  }
  absl::StatusOr<WrittenRequest> request = ParseUrl(method, url);
  absl::Status status = request.status();
  for (const std::string& header : headers) {
    if (status.ok()) status = AddHeaderLine(header, &*request);
  }
  if (!status.ok()) {
    context->err << "meshctl: " << std::string(Std(status.message())) << "\n";
    context->exit_code = kUsage;
    return requests;
  }
  request->random = random;
  requests.push_back(*std::move(request));
  return requests;
}

void RunMatch(const MatchFlags& flags, Context* context) {
  if (flags.log.empty() && (flags.method.empty() || flags.url.empty())) {
    context->err << "meshctl: say METHOD URL, or --from-log FILE\n";
    context->exit_code = kUsage;
    return;
  }
  const RouteTables tables = ReadRouteTables(flags.source, context);
  if (tables.tables.empty()) {
    if (context->exit_code == kFine) context->exit_code = kFailed;
    return;
  }
  Json all = Json::array();
  for (const WrittenRequest& request :
       Requests(flags.log, flags.method, flags.url, flags.headers, flags.random, context)) {
    const RouteTable* table =
        tables.ForUrl(request.scheme, http::WithoutPort(request.authority), request.port);
    if (table == nullptr) {
      context->err << "meshctl: the proxy has no routes for port " << request.port << "; it has";
      for (const RouteTable& one : tables.tables) context->err << " " << one.name;
      context->err << "\n";
      context->exit_code = kFailed;
      continue;
    }
    if (flags.output.format == "table") {
      PrintMatch(*table, request, flags.explain, context->out);
      if (!MatchJson(*table, request, false)["matched"] && flags.log.empty()) {
        context->exit_code = kFailed;
      }
      continue;
    }
    Json json = MatchJson(*table, request, flags.explain);
    if (flags.log.empty()) {
      if (!json["matched"]) context->exit_code = kFailed;
      return WriteJson(json, flags.output.format, context->out);
    }
    json["request"] = request.ToString();
    all.push_back(std::move(json));
  }
  if (!flags.log.empty() && flags.output.format != "table") {
    WriteJson(all, flags.output.format, context->out);
  }
}

Json WitnessJson(const proof::Witness& witness) {
  Json headers = Json::object();
  for (const auto& [name, value] : witness.headers.entries()) headers[name] = value;
  return {{"method", witness.method}, {"url", witness.Url()}, {"headers", headers}};
}

std::string WitnessText(const proof::Witness& witness) {
  std::string text = absl::StrCat(witness.method, " ", witness.Url());
  for (const auto& [name, value] : witness.headers.entries()) {
    absl::StrAppend(&text, " -H '", name, ": ", value, "'");
  }
  return text;
}

struct ProveFlags {
  RouteSourceFlags source;
  OutputFlags output;
  int64_t steps = 100'000'000;
};

void RunProve(const ProveFlags& flags, Context* context) {
  const RouteTables tables = ReadRouteTables(flags.source, context);
  if (tables.tables.empty() && context->exit_code == kFine) context->exit_code = kFailed;
  proof::Options options;
  options.steps = flags.steps;
  Json all = Json::array();
  int counts[3] = {};
  for (const RouteTable& table : tables.tables) {
    const auto proofs = proof::ProveRules(*table.config->table, options);
    if (!proofs.ok()) {
      context->err << table.name << ": " << std::string(Std(proofs.status().message())) << "\n";
      context->exit_code = kFailed;
      continue;
    }
    for (const proof::RuleProof& one : *proofs) {
      ++counts[static_cast<int>(one.verdict)];
      const bool unreachable = one.verdict == proof::Verdict::kUnreachable;
      const char* verdict = unreachable                                 ? "unreachable"
                            : one.verdict == proof::Verdict::kReachable ? "reachable"
                                                                        : "unknown";
      if (unreachable && context->exit_code == kFine) context->exit_code = kFindings;
      if (flags.output.format != "table") {
        Json json;
        json["rule"] = table.RuleJson(one.rule.virtual_host, one.rule.rule->id);
        json["route_configuration"] = table.name;
        json["verdict"] = verdict;
        json["witness"] = one.witness ? WitnessJson(*one.witness) : Json();
        json["hidden_by"] = Json::array();
        for (const proof::RuleReference& by : one.hidden_by) {
          json["hidden_by"].push_back(table.RuleJson(by.virtual_host, by.rule->id));
        }
        json["reason"] = one.reason;
        all.push_back(std::move(json));
        continue;
      }
      if (one.verdict == proof::Verdict::kReachable) continue;
      context->out << verdict << "  " << table.name << ": "
                   << table.RuleText(one.rule.virtual_host, one.rule.rule->id) << "\n";
      for (const proof::RuleReference& by : one.hidden_by) {
        context->out << "  hidden by " << table.RuleText(by.virtual_host, by.rule->id) << "\n";
      }
      if (!one.reason.empty()) context->out << "  " << one.reason << "\n";
    }
    for (const proof::HostOverlap& overlap :
         proof::FindHostOverlaps(table.config->table->virtual_hosts())) {
      const auto& hosts = table.config->table->virtual_hosts();
      context->err << table.name << ": " << overlap.host << " is for "
                   << hosts[overlap.winner]->name << " by "
                   << hosts[overlap.winner]->domains[overlap.winner_domain] << ", not for "
                   << hosts[overlap.loser]->name << " by "
                   << hosts[overlap.loser]->domains[overlap.loser_domain] << "\n";
    }
  }
  if (flags.output.format != "table") return WriteJson(all, flags.output.format, context->out);
  context->out << counts[0] << " reachable, " << counts[1] << " unreachable, " << counts[2]
               << " unknown\n";
}

struct DiffFlags {
  RouteSourceFlags source;
  OutputFlags output;
  std::string before, after, log;
};

void RunDiff(const DiffFlags& flags, Context* context) {
  RouteSourceFlags source = flags.source;
  source.input.paths = {flags.before};
  const RouteTables before = ReadRouteTables(source, context);
  source.input.paths = {flags.after};
  const RouteTables after = ReadRouteTables(source, context);
  if (before.tables.empty() || after.tables.empty()) {
    if (context->exit_code == kFine) context->exit_code = kFailed;
    return;
  }
  Json all = Json::array();
  const auto report = [&](const Json& request, const std::string& text, const std::string& was,
                          const std::string& is) {
    if (context->exit_code == kFine) context->exit_code = kFailed;
    if (flags.output.format != "table") {
      all.push_back({{"request", request}, {"before", was}, {"after", is}});
    } else {
      context->out << text << "\n  before: " << was << "\n  after:  " << is << "\n";
    }
  };
  if (!flags.log.empty()) {
    std::set<std::string> said;
    for (const WrittenRequest& request : Requests(flags.log, "", "", {}, 0, context)) {
      const std::string_view host = http::WithoutPort(request.authority);
      const RouteTable* a = before.ForUrl(request.scheme, host, request.port);
      const RouteTable* b = after.ForUrl(request.scheme, host, request.port);
      const auto fate = [&](const RouteTable* table) {
        return table == nullptr
                   ? std::string("no routes")
                   : FateOf(*table->config, table->config->table->Find(request.AsRequest()));
      };
      const std::string text = request.ToString();
      if (fate(a) == fate(b) || !said.insert(text).second) continue;
      report({{"method", request.method},
              {"url", absl::StrCat(request.scheme, "://", request.authority, request.path)}},
             text, fate(a), fate(b));
    }
  } else {
    for (const RouteTable& a : before.tables) {
      const RouteTable* b = nullptr;
      for (const RouteTable& one : after.tables) {
        if (one.name == a.name || (before.tables.size() == 1 && after.tables.size() == 1)) b = &one;
      }
      if (b == nullptr) {
        context->err << a.name << " is only in " << flags.before << "\n";
        if (context->exit_code == kFine) context->exit_code = kFailed;
        continue;
      }
      const auto differences = proof::FindDifferences(
          *a.config->table, [&](const route::Match& m) { return FateOf(*a.config, m); },
          *b->config->table, [&](const route::Match& m) { return FateOf(*b->config, m); }, {});
      if (!differences.ok()) {
        context->err << a.name << ": " << std::string(Std(differences.status().message())) << "\n";
        context->exit_code = kFailed;
        continue;
      }
      for (const proof::Difference& one : differences->differences) {
        report(WitnessJson(one.witness), WitnessText(one.witness), one.before, one.after);
      }
      if (!differences->complete) {
        context->err << a.name << ": there may be more: " << differences->reason << "\n";
      }
    }
    for (const RouteTable& b : after.tables) {
      bool known = before.tables.size() == 1 && after.tables.size() == 1;
      for (const RouteTable& a : before.tables) known = known || a.name == b.name;
      if (known) continue;
      context->err << b.name << " is only in " << flags.after << "\n";
      if (context->exit_code == kFine) context->exit_code = kFailed;
    }
  }
  if (flags.output.format != "table") return WriteJson(all, flags.output.format, context->out);
  if (context->exit_code == kFine) context->out << "no request is treated differently\n";
}

}  // namespace

void AddRoute(CLI::App* root, Context* context) {
  CLI::App* route = root->add_subcommand("route", "What becomes of requests, and why");
  route->require_subcommand(1);
  AddRouteTest(route, context);

  auto match = std::make_shared<MatchFlags>();
  CLI::App* command = route->add_subcommand("match", "The rule that a request takes");
  AddRouteSourceFlags(command, &match->source);
  AddOutputFlags(command, &match->output);
  command->add_option("METHOD", match->method, "GET, POST, ...");
  command->add_option("URL", match->url, "http://HOST[:PORT]/PATH");
  command->add_option("-H,--header", match->headers, "'name: value', repeatable")
      ->allow_extra_args(false);
  command->add_option("--random", match->random, "the random value for weights and fractions");
  command->add_option("--from-log", match->log, "ask for each line of an access log");
  command->add_flag("--explain", match->explain, "why each earlier rule was not taken");
  AddExamples(command,
              {"bin/meshctl route match -f examples/routes/shop.yaml GET http://shop.example/cart",
               "bin/meshctl route match -f examples/bookinfo/yaml --proxy productpage-v1-0.default "
               "GET http://reviews:9080/reviews/0 -H 'end-user: jason' --explain",
               "bin/meshctl route match -f examples/routes/shop.yaml --from-log "
               "examples/routes/access.log -o json"});
  command->callback([match, context] { RunMatch(*match, context); });

  auto prove = std::make_shared<ProveFlags>();
  command = route->add_subcommand("prove", "Rules that no request reaches, with proof");
  AddRouteSourceFlags(command, &prove->source);
  AddOutputFlags(command, &prove->output);
  command->add_option("--steps", prove->steps, "how much work at most (some ten nanoseconds each)");
  AddExamples(command,
              {"bin/meshctl route prove -f examples/routes/shop.yaml",
               "bin/meshctl route prove -f examples/bookinfo/yaml --proxy productpage-v1-0.default",
               "bin/meshctl route prove -f examples/routes/shop.yaml -o json"});
  command->callback([prove, context] { RunProve(*prove, context); });

  auto diff = std::make_shared<DiffFlags>();
  command = route->add_subcommand("diff", "Requests that two configurations treat differently");
  command->add_option("--before", diff->before, "a file or directory")->required();
  command->add_option("--after", diff->after, "a file or directory")->required();
  command->add_option("--proxy", diff->source.proxy, "of Istio YAML: the proxy, POD.NAMESPACE");
  command->add_option("--route", diff->source.route, "the RouteConfiguration by name");
  command->add_option("-n,--namespace", diff->source.input.default_namespace,
                      "namespace of objects that name none");
  command->add_option("--from-log", diff->log, "only for the requests of an access log");
  AddOutputFlags(command, &diff->output);
  const std::string before_and_after =
      "bin/meshctl route diff --before examples/routes/shop.yaml "
      "--after examples/routes/shop-next.yaml";
  AddExamples(command, {before_and_after, before_and_after + " -o json",
                        before_and_after + " --from-log examples/routes/access.log"});
  command->callback([diff, context] { RunDiff(*diff, context); });
}

}  // namespace mesh::ctl
