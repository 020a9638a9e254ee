// A decision among N policies of which three concern the request.
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "mesh/authz/engine.h"
#include "mesh/authz/policy.h"
#include "mesh/http/headers.h"

namespace mesh::benchmarks {
namespace {

// Policies as people write them: a path's beginning and methods for one namespace or account.
std::vector<authz::Rule> Rules(int count) {
  std::vector<authz::Rule> rules;
  for (int i = 0; i < count; ++i) {
    authz::Policy policy;
    policy.ns = "default";
    policy.name = absl::StrCat("p", i);
    policy.action = i % 4 == 0 ? authz::Action::kDeny : authz::Action::kAllow;
    authz::PolicyRule rule;
    authz::Source source;
    authz::Operation operation;
    if (i % 2 == 0) {
      source.principals.in = {absl::StrCat("cluster.local/ns/team-", i, "/sa/web")};
    } else {
      source.namespaces.in = {absl::StrCat("team-", i)};
    }
    operation.paths.in = {absl::StrCat("/api/v1/service-", i, "/*")};
    operation.methods.in = {"GET", "HEAD"};
    rule.from = {source};
    rule.to = {operation};
    policy.rules = {rule};
    std::vector<authz::Rule> more = authz::RulesOf(policy, {}).value();
    rules.insert(rules.end(), more.begin(), more.end());
  }
  // The three that apply to service-7: a deny that does not fire, an allow that does not, one that
  // does.
  for (int k = 0; k < 3; ++k) {
    authz::Policy policy;
    policy.ns = "default";
    policy.name = absl::StrCat("mine-", k);
    policy.action = k == 0 ? authz::Action::kDeny : authz::Action::kAllow;
    authz::PolicyRule rule;
    authz::Source source;
    authz::Operation operation;
    source.principals.in = {"cluster.local/ns/me/sa/web"};
    operation.paths.in = {"/mine/*"};
    operation.methods.in = {k == 2 ? "GET" : "DELETE"};
    rule.from = {source};
    rule.to = {operation};
    policy.rules = {rule};
    std::vector<authz::Rule> more = authz::RulesOf(policy, {}).value();
    rules.insert(rules.end(), more.begin(), more.end());
  }
  return rules;
}

void Decide(benchmark::State& state) {
  const auto engine = authz::Engine::Build(Rules(static_cast<int>(state.range(0)))).value();
  http::HeaderList headers = {{"user-agent", "benchmark"}, {"accept", "*/*"}};
  authz::Request request;
  request.principal = "spiffe://cluster.local/ns/me/sa/web";
  request.source_ip = "10.0.0.1";
  request.destination_port = 8080;
  request.host = "reviews.default.svc.cluster.local";
  request.path = "/mine/cart?item=7";
  request.headers = headers.view();
  for (auto _ : state) {
    const authz::Decision decision = engine->Decide(request);
    if (!decision.allowed) state.SkipWithError("denied");
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(Decide)->ArgName("policies")->Arg(10)->Arg(1000)->Arg(10000)->Arg(100000);

}  // namespace
}  // namespace mesh::benchmarks
