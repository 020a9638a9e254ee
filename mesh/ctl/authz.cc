#include "mesh/ctl/authz.h"

#include <algorithm>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "mesh/config/snapshot.h"
#include "mesh/ctl/authz_matrix.h"
#include "mesh/ctl/authz_ports.h"
#include "mesh/ctl/inputs.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/table.h"
#include "mesh/http/headers.h"
#include "mesh/translate/node.h"
#include "mesh/translate/translate.h"
#include "mesh/translate/world.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  InputFlags input;
  OutputFlags output;
  std::string pod, method, path, as, host, source_ip, mesh_file;
  uint32_t port = 0;
  bool matrix = false;
  std::vector<std::string> headers;
};

// "spiffe://..." of an identity as policies write it, or of NAMESPACE/ACCOUNT.
std::string SpiffeOf(const std::string& as, const std::string& trust_domain) {
  if (as.empty() || absl::StartsWith(as, "spiffe://")) return as;
  if (absl::StrContains(as, "/ns/")) return absl::StrCat("spiffe://", as);
  const size_t slash = as.find('/');
  if (slash == std::string::npos) return absl::StrCat("spiffe://", as);
  return absl::StrCat("spiffe://", trust_domain, "/ns/", as.substr(0, slash), "/sa/",
                      as.substr(slash + 1));
}

Json PositionJson(const PolicyRule& rule) {
  Json out = {{"policy", rule.policy}, {"rule", rule.rule}};
  out["file"] = rule.at.file == nullptr ? "" : *rule.at.file;
  out["line"] = rule.at.line;
  out["column"] = rule.at.column;
  return out;
}

void PrintCheck(const Flags& flags, const GuardedPort& port, const CheckRequest& check,
                const CheckVerdict& verdict, Context* context) {
  if (flags.output.format != "table") {
    Json out = {{"allowed", verdict.allowed},
                {"why", verdict.why},
                {"pod", flags.pod},
                {"port", port.port},
                {"protocol", port.http ? "http" : "tcp"},
                {"mode", std::string(port.Mode())},
                {"tls", check.mutual_tls ? "mTLS" : "plaintext"},
                {"as", std::string(check.request.principal)}};
    if (port.http) {
      out["method"] = flags.method;
      out["path"] = flags.path;
    }
    out["decided_by"] = verdict.by.has_value() ? PositionJson(*verdict.by) : Json();
    out["asked"] = verdict.asked;
    out["trace"] = Json::array();
    for (const CheckStep& step : verdict.steps) {
      Json row = {{"filter", step.filter}};
      row.update(PositionJson(step.rule));
      row["dry_run"] = step.dry_run;
      row["matched"] = step.matched;
      row["failed"] = step.failed;
      out["trace"].push_back(std::move(row));
    }
    return WriteJson(out, flags.output.format, context->out);
  }
  const std::string who = check.request.principal.empty() ? "a client without identity"
                                                          : std::string(check.request.principal);
  context->out << (verdict.allowed ? "ALLOWED  " : "DENIED   ")
               << (port.http ? absl::StrCat(flags.method, " ", flags.path, " on ") : "") << "port "
               << port.port << " of " << flags.pod << " by " << who << "\n"
               << "         " << verdict.why << "\n"
               << "         the port is " << port.Mode() << ", the client comes in "
               << (check.mutual_tls ? "mutual TLS" : "plaintext") << "\n";
  if (verdict.steps.empty()) return;
  context->out << "\n";
  Table table({"FILTER", "POLICY", "RULE", "AT", "MATCHES", "DOES NOT HOLD"});
  for (const CheckStep& step : verdict.steps) {
    const std::string where = step.rule.at.ToString();
    table.Add({step.dry_run ? absl::StrCat(step.filter, " (dry run)") : step.filter,
               step.rule.policy, absl::StrCat(step.rule.rule), where.empty() ? "-" : where,
               Cell(step.matched ? "yes" : "no", step.matched ? Tint::kGood : Tint::kNone),
               step.failed.empty() ? "-" : step.failed});
  }
  table.Print(context->out, flags.output.UseColor(context->out));
}

void RunCheck(const Flags& flags, const translate::World& world, Context* context) {
  absl::StatusOr<translate::Node> node = world.NodeOf(flags.pod);
  absl::StatusOr<std::vector<GuardedPort>> ports;
  if (node.ok()) {
    ports = GuardedPorts(translate::Translate(world, *node),
                         node->type == translate::NodeType::kRouter);
  } else {
    ports = node.status();
  }
  const auto fail = [&](const std::string& text) {
    context->err << "meshctl: " << text << "\n";
    context->exit_code = kFailed;
  };
  if (!ports.ok()) return fail(std::string(ports.status().message()));
  const auto port = flags.port == 0 ? ports->begin()
                                    : std::find_if(ports->begin(), ports->end(),
                                                   [&](const GuardedPort& candidate) {
                                                     return candidate.port == flags.port;
                                                   });
  if (port == ports->end()) {
    std::vector<std::string> known;
    for (const GuardedPort& one : *ports) known.push_back(absl::StrCat(one.port));
    return fail(absl::StrCat(flags.pod, " takes nothing ",
                             flags.port == 0 ? "in: no service selects it"
                                             : absl::StrCat("on port ", flags.port, "; there are ",
                                                            absl::StrJoin(known, ", "))));
  }
  http::HeaderList headers;
  for (const std::string& header : flags.headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos)
      return fail(absl::StrCat("-H \"", header, "\": write NAME: VALUE"));
    headers.Add(header.substr(0, colon),
                std::string(absl::StripLeadingAsciiWhitespace(header.substr(colon + 1))));
  }
  const std::string principal = SpiffeOf(flags.as, world.registry().options().trust_domain);
  const size_t bar = port->cluster.rfind('|');
  const std::string host = !flags.host.empty()        ? flags.host
                           : bar != std::string::npos ? port->cluster.substr(bar + 1)
                                                      : flags.pod;
  CheckRequest check;
  // Who has an identity shows it wherever that is taken.
  check.mutual_tls = !principal.empty() && port->takes_mutual_tls;
  if (check.mutual_tls) check.request.principal = principal;
  if (!principal.empty() && !check.mutual_tls) {
    context->err << "meshctl: the port is DISABLE: identities are not seen there\n";
  }
  check.request.source_ip = check.request.remote_ip = flags.source_ip;
  check.request.destination_ip = node->ip;
  check.request.destination_port = static_cast<uint16_t>(port->port);
  check.request.method = flags.method;
  check.request.path = flags.path;
  check.request.host = host;
  check.request.headers = headers.view();
  const CheckVerdict verdict = Check(*port, check, world.snapshot());
  PrintCheck(flags, *port, check, verdict, context);
  if (!verdict.allowed) context->exit_code = kFailed;
}

const char* ReachName(Reach reach) {
  switch (reach) {
    case Reach::kAlways:
      return "allow";
    case Reach::kNever:
      return "deny";
    default:
      return "depends";
  }
}

void RunMatrix(const Flags& flags, const translate::World& world, Context* context) {
  if (!flags.pod.empty()) {
    const auto node = world.NodeOf(flags.pod);
    if (!node.ok()) {
      context->err << "meshctl: " << std::string(node.status().message()) << "\n";
      context->exit_code = kFailed;
      return;
    }
  }
  const absl::StatusOr<std::vector<MatrixRow>> rows = AuthorizationMatrix(world, flags.pod);
  if (!rows.ok()) {
    context->err << "meshctl: " << std::string(rows.status().message()) << "\n";
    context->exit_code = kFailed;
    return;
  }
  if (flags.output.format == "table") {
    Table table({"FROM", "TO", "PORT", "MODE", "TLS", "VERDICT", "BY"});
    for (const MatrixRow& row : *rows) {
      const Tint tint = row.verdict.reach == Reach::kAlways  ? Tint::kGood
                        : row.verdict.reach == Reach::kNever ? Tint::kBad
                                                             : Tint::kWarning;
      table.Add({row.from, row.to, absl::StrCat(row.port, row.http ? "/http" : "/tcp"), row.server,
                 row.tls, Cell(ReachName(row.verdict.reach), tint), row.verdict.why});
    }
    return table.Print(context->out, flags.output.UseColor(context->out));
  }
  Json out = Json::array();
  for (const MatrixRow& row : *rows) {
    out.push_back({{"from", row.from},
                   {"principal", row.principal},
                   {"to", row.to},
                   {"port", row.port},
                   {"protocol", row.http ? "http" : "tcp"},
                   {"mode", row.server},
                   {"tls", row.tls},
                   {"verdict", ReachName(row.verdict.reach)},
                   {"why", row.verdict.why}});
  }
  WriteJson(out, flags.output.format, context->out);
}

void Run(const Flags& flags, Context* context) {
  WorldInputs inputs = ReadWorldInputs(flags.input, flags.mesh_file, context->in, context->err);
  const auto world = translate::World::Build(config::Snapshot::Of(std::move(inputs.resources)));
  if (flags.matrix || flags.method.empty()) {
    RunMatrix(flags, *world, context);
  } else {
    RunCheck(flags, *world, context);
  }
  context->exit_code = inputs.ExitCode(context->exit_code);
}

}  // namespace

void AddAuthz(CLI::App* root, Context* context) {
  CLI::App* authz = root->add_subcommand("authz", "Who may do what");
  authz->require_subcommand(1);
  CLI::App* command = authz->add_subcommand(
      "check", "Judge one request, policy by policy; or show who reaches whom under which TLS");
  auto flags = std::make_shared<Flags>();
  AddInputFlags(command, &flags->input);
  command->get_option("-f")->allow_extra_args(false);  // words behind it are the request
  AddOutputFlags(command, &flags->output);
  command->add_option("POD.NAMESPACE", flags->pod, "The pod that is called");
  command->add_option("METHOD", flags->method, "GET, POST, ...; none: who reaches the pod");
  command->add_option("PATH", flags->path, "With its query; / where there is none");
  command
      ->add_option("--as", flags->as,
                   "Who calls: spiffe://..., DOMAIN/ns/NAMESPACE/sa/ACCOUNT or NAMESPACE/ACCOUNT; "
                   "nobody: in plaintext, without identity")
      ->type_name("IDENTITY");
  command->add_option("-H,--header", flags->headers, "A header of the request (repeatable)")
      ->type_name("'NAME: VALUE'")
      ->allow_extra_args(false);
  command->add_option("--port", flags->port, "Of the pod; the first one where it is not said")
      ->type_name("PORT");
  command
      ->add_option("--host", flags->host, "The request's host; the service's where it is not said")
      ->type_name("HOST");
  command->add_option("--source-ip", flags->source_ip, "Where the connection comes from")
      ->type_name("ADDRESS");
  command->add_option("--mesh", flags->mesh_file, "MeshConfig, as YAML")->type_name("FILE");
  command->add_flag("--matrix", flags->matrix, "Who reaches whom, whatever else is said");
  AddExamples(
      command,
      {"meshctl authz check reviews-v1-0.default --as default/bookinfo-productpage GET "
       "/reviews/0 -f config/",
       "meshctl authz check productpage-v1-0.default GET / -H 'authorization: Bearer eyJ...' "
       "-f config/ -o json",
       "meshctl authz check --matrix -f config/"});
  command->callback([context, flags] {
    if (flags->path.empty()) flags->path = "/";
    Run(*flags, context);
  });
}

}  // namespace mesh::ctl
