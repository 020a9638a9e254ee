#include "mesh/route/table.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/route/compiled_host.h"
#include "mesh/route/host_index.h"

namespace mesh::route {

struct Table::State {
  TableOptions options;
  std::vector<std::shared_ptr<const VirtualHost>> plain;
  // Beside `plain`; null for one that was left out for its errors.
  std::vector<std::shared_ptr<const CompiledHost>> hosts;
  HostIndex index;

  bool by_authority = true;  // the virtual host is chosen by :authority as it stands

  // `host` is set to what was looked up.
  HostIndex::Found FindOtherHost(const Request& request, std::string* host) const;
};

namespace {

bool SameCompilation(const TableOptions& a, const TableOptions& b) {
  return a.max_regex_program_size == b.max_regex_program_size &&
         a.regex_memory_bytes == b.regex_memory_bytes && a.isolate_errors == b.isolate_errors &&
         a.ignore_path_parameters == b.ignore_path_parameters && a.index == b.index;
}

MESH_ROUTE_INLINE bool HasScheme(const Request& request) {
  return !request.scheme.empty() ||
         !request.headers.First("x-forwarded-proto").value_or("").empty();
}

// VirtualHost.require_tls, before any rule is looked at.
bool MustRedirectToTls(TlsRequirement requirement, const Request& request) {
  if (requirement == TlsRequirement::kNone) return false;
  if (request.headers.First("x-forwarded-proto").value_or(request.scheme) == "https") return false;
  return requirement == TlsRequirement::kAll ||
         request.headers.First("x-envoy-internal").value_or("") != "true";
}

bool FindWithoutParameters(const CompiledHost& host, const Request& request, uint32_t* id) {
  Input input(request);
  absl::InlinedVector<char, 256> bytes;
  input.CutParameters(&bytes);
  return host.Find(input, id);
}

}  // namespace

// Not :authority as it stands.
HostIndex::Found Table::State::FindOtherHost(const Request& request, std::string* shown) const {
  std::string_view host = request.authority;
  std::optional<HeaderValues> header;
  if (!options.host_header.empty()) {
    header.emplace(request, options.host_header);
    host = header->first();
  }
  if (options.ignore_port_in_host) host = http::WithoutPort(host);
  if (shown != nullptr) *shown = http::LowerCase(host);
  return index.Find(host);
}

Table::Table(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Table::~Table() = default;

Table::Built Table::Build(std::vector<std::shared_ptr<const VirtualHost>> virtual_hosts,
                          const TableOptions& options, const Table* previous) {
  Built built;
  auto state = std::make_unique<State>();
  state->options = options;
  state->by_authority = options.host_header.empty() && !options.ignore_port_in_host;
  state->plain = std::move(virtual_hosts);
  absl::flat_hash_map<const VirtualHost*, std::shared_ptr<const CompiledHost>> known;
  if (previous != nullptr && SameCompilation(previous->state_->options, options)) {
    for (const auto& host : previous->state_->hosts) {
      if (host != nullptr) known.emplace(&host->source(), host);
    }
  }
  for (uint32_t i = 0; i < state->plain.size(); ++i) {
    const VirtualHost& plain = *state->plain[i];
    const auto fail = [&](std::string field, std::string message) {
      built.errors.push_back({plain.position, absl::StrCat("virtual host ", plain.name),
                              std::move(field), std::move(message)});
    };
    if (plain.domains.empty()) fail("domains", "is empty; name a domain or \"*\"");
    for (size_t j = 0; j < plain.domains.size(); ++j) {
      const std::string domain = http::LowerCase(plain.domains[j]);
      const HostIndex::Added added = state->index.Add(domain, i);
      if (added == HostIndex::Added::kSecondAny) {
        fail(absl::StrCat("domains[", j, "]"),
             absl::StrCat("Only a single wildcard domain is permitted in route ", options.name));
      } else if (added == HostIndex::Added::kDuplicate) {
        fail(
            absl::StrCat("domains[", j, "]"),
            absl::StrCat("Only unique values for domains are permitted. Duplicate entry of domain ",
                         domain, " in route ", options.name));
      }
    }
    if (const auto shared = known.find(&plain); shared != known.end()) {
      state->hosts.push_back(shared->second);
      continue;
    }
    CompiledHost::Built host = CompiledHost::Build(state->plain[i], options);
    for (FieldError& error : host.errors) built.errors.push_back(std::move(error));
    state->hosts.push_back(std::move(host.host));
  }
  state->index.Finish();
  if (built.errors.empty() || options.isolate_errors) {
    built.table = std::shared_ptr<const Table>(new Table(std::move(state)));
  }
  return built;
}

Match Table::Find(const Request& request) const {
  const State& state = *state_;
  Match match;
  const HostIndex::Found found = state.by_authority ? state.index.Find(request.authority)
                                                    : state.FindOtherHost(request, nullptr);
  if (found.virtual_host == HostIndex::kNone) return match;
  match.virtual_host = found.virtual_host;
  match.outcome = Match::Outcome::kNoRule;
  const CompiledHost* host = state.hosts[found.virtual_host].get();
  if (host == nullptr || !HasScheme(request)) return match;
  if (host->require_tls() != TlsRequirement::kNone &&
      MustRedirectToTls(host->require_tls(), request)) {
    match.outcome = Match::Outcome::kTlsRequired;
    return match;
  }
  const bool found_rule = state.options.ignore_path_parameters
                              ? FindWithoutParameters(*host, request, &match.rule)
                              : host->Find(request, &match.rule);
  if (found_rule) match.outcome = Match::Outcome::kRule;
  return match;
}

Explanation Table::Explain(const Request& request) const {
  Explanation explanation;
  const HostIndex::Found found = state_->FindOtherHost(request, &explanation.host);
  if (found.virtual_host == HostIndex::kNone) {
    explanation.why = "no domain matches, and none is \"*\"";
    return explanation;
  }
  Match& match = explanation.match;
  match.virtual_host = found.virtual_host;
  match.outcome = Match::Outcome::kNoRule;
  const VirtualHost& plain = *state_->plain[found.virtual_host];
  explanation.virtual_host = plain.name;
  switch (found.how) {
    case HostIndex::How::kExact:
      explanation.domain = explanation.host;
      explanation.why = "exact domain";
      break;
    case HostIndex::How::kSuffix:
      explanation.domain = "*" + explanation.host.substr(explanation.host.size() - found.length);
      explanation.why = "longest suffix wildcard; no exact domain matches";
      break;
    case HostIndex::How::kPrefix:
      explanation.domain = explanation.host.substr(0, found.length) + "*";
      explanation.why = "longest prefix wildcard; no exact domain and no suffix wildcard matches";
      break;
    case HostIndex::How::kAny:
    case HostIndex::How::kNone:
      explanation.domain = "*";
      explanation.why = "no other domain matches";
      break;
  }
  const CompiledHost* host = state_->hosts[found.virtual_host].get();
  if (host == nullptr) return explanation;
  if (!HasScheme(request)) {
    explanation.why += "; neither a scheme nor x-forwarded-proto is known";
    return explanation;
  }
  if (MustRedirectToTls(plain.require_tls, request)) {
    match.outcome = Match::Outcome::kTlsRequired;
    return explanation;
  }
  Input input(request);
  absl::InlinedVector<char, 256> bytes;
  if (state_->options.ignore_path_parameters) input.CutParameters(&bytes);
  const Rule* taken = host->Scan(input, [&](const Rule& rule) {
    explanation.steps.push_back(
        {rule.id, rule.name, rule.position, WhyNot(rule, host->pool(), input)});
  });
  if (taken != nullptr) {
    match.outcome = Match::Outcome::kRule;
    match.rule = taken->id;
  }
  return explanation;
}

std::string Explanation::ToString() const {
  if (match.outcome == Match::Outcome::kNoVirtualHost) {
    return absl::StrCat("host \"", host, "\": ", why, "\n");
  }
  std::string text = absl::StrCat("host \"", host, "\": virtual host ", virtual_host, " by ",
                                  domain, " (", why, ")\n");
  if (match.outcome == Match::Outcome::kTlsRequired) {
    absl::StrAppend(&text, "TLS is required: redirect to https\n");
    return text;
  }
  for (const Step& step : steps) {
    absl::StrAppend(&text, "rule ", step.rule);
    if (!step.name.empty()) absl::StrAppend(&text, " \"", step.name, "\"");
    const std::string position = step.position.ToString();
    if (!position.empty()) absl::StrAppend(&text, " (", position, ")");
    absl::StrAppend(&text, step.failed.empty() ? ": taken" : ": " + step.failed, "\n");
  }
  if (match.outcome == Match::Outcome::kNoRule) absl::StrAppend(&text, "no rule matches\n");
  return text;
}

std::string_view Table::FindVirtualCluster(uint32_t virtual_host, const Request& request) const {
  if (virtual_host >= state_->hosts.size() || state_->hosts[virtual_host] == nullptr) return "";
  const CompiledHost& host = *state_->hosts[virtual_host];
  for (const VirtualCluster& cluster : host.source().virtual_clusters) {
    bool all = true;
    for (const HeaderMatch& header : cluster.headers) {
      all = all && MatchHeader(header, host.pool(), request);
    }
    if (all) return cluster.name;
  }
  return "";
}

const std::vector<std::shared_ptr<const VirtualHost>>& Table::virtual_hosts() const {
  return state_->plain;
}

const TableOptions& Table::options() const { return state_->options; }

}  // namespace mesh::route
