// Full mutual handshakes between two of our proxies: each request makes a connection of its own
// between them. What is counted is the CPU of both proxies, with sockets, HTTP and all; its floor
// is FloorOfHandshakes, which is both sides too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "envoy/config/route/v3/route.pb.h"
#include "mesh/envoy/proxy_routes.h"
#include "mesh/proxy/proxy.h"
#include "mesh/tls/testing.h"

namespace mesh::benchmarks {
namespace {

using Routes = ::envoy::config::route::v3::RouteConfiguration;

Routes One() {
  Routes routes;
  auto* const host = routes.add_virtual_hosts();
  host->set_name("all");
  host->add_domains("*");
  host->add_routes()->mutable_match()->set_prefix("/");
  return routes;
}

envoy::Listener ListenerWith(const Routes& routes, envoy::TransportSocket tls) {
  envoy::HttpConnectionManager manager;
  manager.stat_prefix = "in";
  manager.routes = *envoy::LoadProxyRoutes(routes);
  envoy::Listener listener;
  listener.name = "in";
  listener.address = {"127.0.0.1", 0};
  envoy::FilterChain& chain = listener.chains.emplace_back();
  chain.filter = manager;
  chain.tls = std::move(tls);
  return listener;
}

std::shared_ptr<envoy::TlsSettings> MeshTls(const char* bytes) {
  auto tls = std::make_shared<envoy::TlsSettings>();
  tls->certificate_secret = "default";
  tls->validation_secret = "ROOTCA";
  tls->validation.sans = {
      {envoy::SanMatch::Type::kUri, envoy::SanMatch::Kind::kPrefix, "spiffe://a/"}};
  tls->require_client_certificate = true;
  tls->resumption = false;
  tls->bytes = bytes;
  return tls;
}

std::unique_ptr<proxy::Proxy> Start(const tls::TestAuthority& root, const char* id,
                                    proxy::ProxyConfig config) {
  proxy::ProxyOptions options;
  auto started = proxy::Proxy::Start(options);
  proxy::Secret own, roots;
  own.name = "default";
  own.identity = root.Issue(id);
  roots.name = "ROOTCA";
  roots.roots = std::vector<tls::Certificate>{root.certificate()};
  (*started)->SetSecrets({own, roots});
  if (!(*started)->Apply(std::move(config)).ok()) return nullptr;
  return *std::move(started);
}

double Seconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void ProxyHandshake(benchmark::State& state) {
  const bool secured = state.range(0) != 0;
  const tls::TestAuthority root("root", absl::Now());
  Routes answer = One();
  answer.mutable_virtual_hosts(0)->mutable_routes(0)->mutable_direct_response()->set_status(204);
  const auto inbound =
      Start(root, "spiffe://a/server",
            {.listeners = {ListenerWith(answer, secured ? MeshTls("server") : nullptr)}});
  if (inbound == nullptr) return state.SkipWithError("inbound");

  envoy::Cluster cluster;
  cluster.name = cluster.stat_name = "up";
  cluster.max_requests_per_connection = 1;
  if (secured) cluster.tls = MeshTls("client");
  envoy::Endpoint endpoint;
  endpoint.address = {"127.0.0.1", inbound->ListenerPort("in")};
  cluster.endpoints.endpoints.push_back(endpoint);
  Routes forward = One();
  forward.mutable_virtual_hosts(0)->mutable_routes(0)->mutable_route()->set_cluster("up");
  const auto outbound =
      Start(root, "spiffe://a/client",
            {.clusters = {cluster}, .listeners = {ListenerWith(forward, nullptr)}});
  if (outbound == nullptr) return state.SkipWithError("outbound");

  // Many at once, as a busy proxy has them: else it is the scheduler that is measured.
  constexpr int kClients = 32;
  int fds[kClients];
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(outbound->ListenerPort("in"));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int& fd : fds) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return state.SkipWithError("connect");
    }
  }
  constexpr char kRequest[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  char buffer[4096];
  const auto spent = [] {
    return Seconds(CLOCK_PROCESS_CPUTIME_ID) - Seconds(CLOCK_THREAD_CPUTIME_ID);
  };
  double before = spent();
  for (auto _ : state) {
    for (int fd : fds) {
      if (send(fd, kRequest, sizeof(kRequest) - 1, 0) < 0) state.SkipWithError("send");
    }
    for (int fd : fds) {
      const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n < 12 || std::memcmp(buffer, "HTTP/1.1 204", 12) != 0) state.SkipWithError("no answer");
    }
    // What is left over of one exchange counts with the next.
    const double now = spent();
    state.SetIterationTime((now - before) / kClients);
    before = now;
  }
  for (int fd : fds) close(fd);
}
BENCHMARK(ProxyHandshake)->ArgName("tls")->Arg(0)->Arg(1)->UseManualTime()->Iterations(60);

}  // namespace
}  // namespace mesh::benchmarks
