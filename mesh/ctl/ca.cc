#include "mesh/ctl/ca.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "mesh/ca/file.h"
#include "mesh/ca/lifetime.h"
#include "mesh/ca/plugged_in.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/ctl/ask_meshd.h"
#include "mesh/ctl/json_output.h"
#include "mesh/ctl/table.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Between two attempts to take a step that is not everybody's yet.
constexpr absl::Duration kAgain = absl::Milliseconds(200);

void Fail(Context* context, absl::string_view what) {
  context->err << "meshctl: " << std::string(what) << "\n";
  context->exit_code = kFailed;
}

const Json& At(const Json& object, const char* key) {
  static const Json& nothing = *new Json();
  const auto it = object.find(key);
  return it == object.end() ? nothing : *it;
}

// The authority's page; nothing, said on `err`, where there is none.
std::optional<Json> Page(const std::string& server, Context* context) {
  const auto response = AskMeshd(server, "/debug/ca", context);
  if (!response) return std::nullopt;
  Json page = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (response->status == 200 && page.is_object()) return page;
  Fail(context, response->status == 404
                    ? absl::StrCat("meshd at ", server, " has no authority: start it with --ca_dir")
                    : absl::StrCat("meshd at ", server, " answered /debug/ca with status ",
                                   response->status));
  return std::nullopt;
}

// --- inspect

struct InspectFlags {
  OutputFlags output;
  std::string server, file;
};

void InspectFile(const InspectFlags& flags, Context* context) {
  const auto text = ca::ReadFile(flags.file);
  if (!text.ok()) {
    context->err << "meshctl: " << std::string(text.status().message()) << "\n";
    context->exit_code = kUnreadable;
    return;
  }
  const auto list = tls::Certificate::ListFromPem(*text);
  if (!list.ok()) {
    return Fail(context, absl::StrCat(flags.file, ": ", list.status().message()));
  }
  context->out << ca::Inspect(*list, absl::Now());
}

void PrintAuthority(const Json& page, const OutputFlags& output, Context* context) {
  std::ostream& out = context->out;
  const Json& rotation = At(page, "rotation");
  out << "trust domain: " << TextOf(page, "trust_domain")
      << "\nrotation:     " << TextOf(rotation, "phase") << "\n";
  std::vector<tls::Certificate> roots;
  for (const Json& root : At(page, "roots")) {
    auto certificate = tls::Certificate::FromPem(TextOf(root, "pem"));
    if (certificate.ok()) roots.push_back(*std::move(certificate));
  }
  out << "\n" << ca::Inspect(roots, absl::Now()) << "\n";
  Table table({"PROXY", "CERTIFICATE EXPIRES", "ITS ROOT", "TRUSTS", "READY FOR THE NEXT STEP"});
  for (const Json& proxy : At(page, "proxies")) {
    std::string trusts;
    for (const Json& root : At(proxy, "trusted_roots")) {
      if (!root.is_string()) continue;
      absl::StrAppend(&trusts, trusts.empty() ? "" : " ", root.get<std::string>().substr(0, 8));
    }
    const std::string why = TextOf(proxy, "why"), expires = TextOf(proxy, "expires");
    table.Add({TextOf(proxy, "proxy"), expires.empty() ? Cell("none", Tint::kBad) : Cell(expires),
               TextOf(proxy, "leaf_root").substr(0, 8), trusts,
               why.empty() ? Cell("yes", Tint::kGood) : Cell(why, Tint::kWarning)});
  }
  table.Print(out, output.UseColor(out));
  for (const Json& alarm : At(page, "alarms")) {
    if (alarm.is_string()) context->err << "meshctl: " << alarm.get<std::string>() << "\n";
  }
}

void Inspect(const InspectFlags& flags, Context* context) {
  if (!flags.file.empty()) return InspectFile(flags, context);
  const std::optional<Json> page = Page(flags.server, context);
  if (!page) return;
  if (flags.output.format != "table") {
    return WriteJson(*page, flags.output.format, context->out);
  }
  PrintAuthority(*page, flags.output, context);
}

// --- rotate

struct RotateFlags {
  std::string server;
  bool plan = false, all = false;
  double timeout_seconds = 60;
};

// The phase after one step; nothing, said on `err`, where there was none within the time.
std::optional<std::string> Step(const RotateFlags& flags, Context* context) {
  const absl::Time deadline = absl::Now() + absl::Seconds(flags.timeout_seconds);
  for (;;) {
    const auto response = PostMeshd(flags.server, "/ca/rotate", context);
    if (!response) return std::nullopt;
    if (response->status == 200) {
      const Json page = Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
      return TextOf(At(page, "rotation"), "phase");
    }
    if (response->status == 404) {
      Fail(context, absl::StrCat("meshd at ", flags.server,
                                 " takes no orders: start it with --ca_dir and --ca_rotation"));
      return std::nullopt;
    }
    if (response->status != 409 || !flags.all || absl::Now() > deadline) {
      Fail(context, absl::StripTrailingAsciiWhitespace(response->body));
      return std::nullopt;
    }
    absl::SleepFor(kAgain);
  }
}

void Rotate(const RotateFlags& flags, Context* context) {
  if (flags.plan) {
    const std::optional<Json> page = Page(flags.server, context);
    if (!page) return;
    const Json& rotation = At(*page, "rotation");
    if (const Json& possible = At(rotation, "possible"); possible.is_boolean() && !possible) {
      return Fail(context,
                  "this authority is plugged in: whoever made its files replaces its root");
    }
    context->out << TextOf(rotation, "plan");
    return;
  }
  for (;;) {
    const std::optional<std::string> phase = Step(flags, context);
    if (!phase) return;
    context->out << *phase << "\n" << std::flush;
    if (!flags.all || *phase == "stable") return;
  }
}

// --- issue

struct IssueFlags {
  std::string ca_dir, ns = "default", account = "default", trust_domain = "cluster.local", out;
  std::vector<std::string> dns_names;
  double hours = 24;
};

absl::StatusOr<ca::Issued> IssueFrom(const IssueFlags& flags, const ca::IssueRequest& request) {
  struct stat info;
  if (stat(flags.ca_dir.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat(flags.ca_dir, ": ", strerror(errno)));
  }
  if (stat((flags.ca_dir + "/ca-cert.pem").c_str(), &info) == 0) {
    ca::PluggedInOptions options;
    options.directory = flags.ca_dir;
    const auto authority = ca::PluggedInAuthority::Open(options);
    if (!authority.ok()) return authority.status();
    return (*authority)->Issue(request);
  }
  const auto store = ca::DirectoryStore::Open(flags.ca_dir);
  if (!store.ok()) return store.status();
  ca::SelfSignedOptions options;
  options.organization = flags.trust_domain;
  options.store = store->get();
  const auto authority = ca::SelfSignedAuthority::Open(options);
  if (!authority.ok()) return authority.status();
  return (*authority)->Issue(request);
}

void Issue(const IssueFlags& flags, Context* context) {
  const auto id = tls::SpiffeId::Workload(flags.trust_domain, flags.ns, flags.account);
  if (!id.ok()) return Fail(context, id.status().message());
  const auto key = tls::PrivateKey::Generate();
  if (!key.ok()) return Fail(context, key.status().message());
  const auto issued =
      IssueFrom(flags, {key->public_key(), *id, absl::Hours(1) * flags.hours, flags.dns_names});
  if (!issued.ok()) return Fail(context, issued.status().message());
  std::vector<tls::Certificate> chain = {issued->leaf};
  chain.insert(chain.end(), issued->intermediates.begin(), issued->intermediates.end());
  // The directory holds a key: as an authority's.
  const auto directory = ca::DirectoryStore::Open(flags.out);
  if (!directory.ok()) return Fail(context, directory.status().message());
  for (const auto& [name, bytes] : {std::pair<const char*, std::string>{"key.pem", key->ToPem()},
                                    {"chain.pem", tls::ToPem(chain)},
                                    {"roots.pem", tls::ToPem(issued->bundle->roots)}}) {
    const absl::Status written = (*directory)->Write(name, bytes);
    if (!written.ok()) return Fail(context, written.message());
  }
  context->out << ca::Inspect(chain, absl::Now());
  context->err << "key.pem, chain.pem and roots.pem are in " << flags.out << "\n";
}

}  // namespace

void AddCa(CLI::App* root, Context* context) {
  CLI::App* verb = root->add_subcommand("ca", "The mesh's certificate authority");
  verb->require_subcommand(1);
  AddExamples(verb, {"meshctl ca inspect", "meshctl ca rotate --plan", "meshctl ca rotate --all"});

  CLI::App* inspect = verb->add_subcommand("inspect", "Show the roots, and who holds what");
  auto inspect_flags = std::make_shared<InspectFlags>();
  inspect->add_option("-f,--file", inspect_flags->file, "Certificates of this file instead")
      ->type_name("PEM");
  AddServerFlag(inspect, &inspect_flags->server);
  AddOutputFlags(inspect, &inspect_flags->output);
  AddExamples(inspect, {"meshctl ca inspect", "meshctl ca inspect -o json",
                        "meshctl ca inspect -f /var/lib/meshd/ca/root-cert.pem"});
  inspect->callback([context, inspect_flags] { Inspect(*inspect_flags, context); });

  CLI::App* rotate =
      verb->add_subcommand("rotate", "Replace the root: announce, issue from it, retire the old");
  auto rotate_flags = std::make_shared<RotateFlags>();
  CLI::Option* plan = rotate->add_flag("--plan", rotate_flags->plan,
                                       "Only say what comes next and who is not ready");
  rotate->add_flag("--all", rotate_flags->all, "All steps, each once every proxy is ready")
      ->excludes(plan);
  rotate
      ->add_option("--timeout", rotate_flags->timeout_seconds,
                   "How long --all waits for proxies at each step, in seconds")
      ->capture_default_str();
  AddServerFlag(rotate, &rotate_flags->server);
  AddExamples(rotate, {"meshctl ca rotate --plan", "meshctl ca rotate", "meshctl ca rotate --all"});
  rotate->callback([context, rotate_flags] { Rotate(*rotate_flags, context); });

  CLI::App* issue =
      verb->add_subcommand("issue", "Issue a certificate from an authority's directory");
  auto issue_flags = std::make_shared<IssueFlags>();
  issue->add_option("--ca-dir", issue_flags->ca_dir, "Of the authority, as meshd's --ca_dir")
      ->required();
  issue->add_option("--out", issue_flags->out, "Directory for key.pem, chain.pem and roots.pem")
      ->required();
  issue->add_option("--namespace", issue_flags->ns, "Of the workload")->capture_default_str();
  issue->add_option("--service-account", issue_flags->account, "Of the workload")
      ->capture_default_str();
  issue->add_option("--trust-domain", issue_flags->trust_domain)->capture_default_str();
  issue->add_option("--dns", issue_flags->dns_names, "More names: DNS; repeatable");
  issue->add_option("--hours", issue_flags->hours, "How long it is good")->capture_default_str();
  AddExamples(issue, {"meshctl ca issue --ca-dir /var/lib/meshd/ca --namespace default "
                      "--service-account reviews --out reviews-identity"});
  issue->callback([context, issue_flags] { Issue(*issue_flags, context); });
}

}  // namespace mesh::ctl
