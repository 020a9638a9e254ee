// Certificates issued and handshakes made, each beside its floor in the same run.
#include "benchmark/benchmark.h"
#include "benchmarks/ca/floor.h"
#include "mesh/ca/request.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/session.h"
#include "mesh/tls/testing.h"

namespace mesh::benchmarks {
namespace {

void FloorOfIssuing(benchmark::State& state) {
  VerifyAndSign floor;
  for (auto _ : state) {
    if (!floor.Run()) state.SkipWithError("failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FloorOfIssuing);

// A PEM request in, its proof of possession verified, a PEM chain out.
void Issue(benchmark::State& state) {
  ca::MemoryStore store;
  ca::SelfSignedOptions options;
  options.store = &store;
  const auto authority = ca::SelfSignedAuthority::Open(options).value();
  const std::string csr =
      tls::CreateCsr(*tls::PrivateKey::Generate(), {"", {tls::Uri("spiffe://a/b")}, {}}).value();
  const auto id = tls::SpiffeId::Workload("cluster.local", "default", "reviews").value();
  for (auto _ : state) {
    const auto proven = ca::ProveKey(csr);
    const auto issued = authority->Issue({proven->key, id, {}});
    if (!issued.ok()) state.SkipWithError("failed");
    benchmark::DoNotOptimize(issued->leaf.ToPem());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Issue);

void FloorOfHandshakes(benchmark::State& state) {
  PlainHandshake floor;
  for (auto _ : state) {
    if (!floor.Run()) state.SkipWithError("failed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FloorOfHandshakes);

void Handshake(benchmark::State& state) {
  const tls::TestAuthority root("root", absl::Now());
  tls::ContextOptions options;
  options.resumption = state.range(0) != 0;
  options.validation.roots = root.roots();
  options.alpn = {"istio-http/1.1", "http/1.1"};
  options.validation.sans = {{tls::SanType::kUri, tls::SanMatcher::Kind::kPrefix, "spiffe://a/"}};
  options.identity = root.Issue("spiffe://a/client");
  const auto client_context = tls::Context::Client(options).value();
  options.identity = root.Issue("spiffe://a/server");
  const auto server_context = tls::Context::Server(options).value();
  int resumed = 0;
  for (auto _ : state) {
    tls::Session client(client_context), server(server_context);
    tls::RunHandshake(&client, &server);
    if (!client.handshake_done() || !server.handshake_done()) state.SkipWithError("failed");
    if (options.resumption) {
      char byte;
      server.Write("x");
      tls::Carry(&server, &client);
      client.Read({&byte, 1});
    }
    resumed += server.connection().resumed;
  }
  state.counters["resumed"] = static_cast<double>(resumed) / state.iterations();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Handshake)->ArgName("resumption")->Arg(0)->Arg(1);

}  // namespace
}  // namespace mesh::benchmarks
