// The proxy without a control plane, for measuring: one listener, one cluster, one route.
//
//   static_proxy LISTEN_PORT UPSTREAM_PORT [WORKERS] [ACCESS_LOG]
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "envoy/config/route/v3/route.pb.h"
#include "mesh/base/log.h"
#include "mesh/envoy/proxy_routes.h"
#include "mesh/proxy/proxy.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "static_proxy LISTEN_PORT UPSTREAM_PORT [WORKERS] [ACCESS_LOG]\n");
    return 64;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  ::envoy::config::route::v3::RouteConfiguration routes;
  auto* const host = routes.add_virtual_hosts();
  host->set_name("all");
  host->add_domains("*");
  auto* const route = host->add_routes();
  route->mutable_match()->set_prefix("/");
  route->mutable_route()->set_cluster("up");

  mesh::envoy::HttpConnectionManager manager;
  manager.stat_prefix = "in";
  manager.routes = *mesh::envoy::LoadProxyRoutes(routes);
  manager.stream_idle_timeout = absl::ZeroDuration();
  if (argc > 4) manager.access_logs.push_back({argv[4], ""});
  mesh::envoy::Listener listener;
  listener.name = "in";
  listener.address = {"127.0.0.1", static_cast<uint16_t>(std::atoi(argv[1]))};
  listener.chains.emplace_back().filter = manager;
  mesh::envoy::Cluster cluster;
  cluster.name = cluster.stat_name = "up";
  cluster.limits = {mesh::envoy::Cluster::kUnlimited, mesh::envoy::Cluster::kUnlimited,
                    mesh::envoy::Cluster::kUnlimited, mesh::envoy::Cluster::kUnlimited};
  mesh::envoy::Endpoint endpoint;
  endpoint.address = {"127.0.0.1", static_cast<uint16_t>(std::atoi(argv[2]))};
  cluster.endpoints.endpoints.push_back(endpoint);

  mesh::StderrLog log;
  mesh::proxy::ProxyOptions options;
  options.concurrency = argc > 3 ? std::atoi(argv[3]) : 1;
  options.log = &log;
  auto proxy = mesh::proxy::Proxy::Start(options);
  const absl::Status status =
      proxy.ok() ? (*proxy)->Apply({.clusters = {cluster}, .listeners = {listener}})
                 : proxy.status();
  if (!status.ok()) {
    std::fprintf(stderr, "static_proxy: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  return 0;
}
