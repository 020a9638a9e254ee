// mesh-proxy: one proxy, configured over xDS.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/time/time.h"
#include "examples/mesh-proxy/identity.h"
#include "examples/program/usage.h"
#include "mesh/agent/agent.h"
#include "mesh/base/log.h"
#include "mesh/proxy/proxy.h"

ABSL_FLAG(std::string, node_id, "",
          "who this is, as the control plane is told: "
          "sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local");
ABSL_FLAG(std::string, node_cluster, "", "the node's cluster: APP.NAMESPACE");
ABSL_FLAG(std::string, node_metadata, "{}", "the node's metadata, a JSON object");
ABSL_FLAG(std::string, node_locality, "", "where the node is: REGION/ZONE/SUBZONE");
ABSL_FLAG(std::string, xds, "127.0.0.1:15010", "address of the control plane");
ABSL_FLAG(std::string, ca, "",
          "address of the mesh's certificate authority, such as 127.0.0.1:15012; then --xds is "
          "connected to over TLS as well, and should be that address too. Empty: no certificate");
ABSL_FLAG(std::string, ca_roots, "",
          "a file with the roots to know the authority by, with --ca: root-cert.pem");
ABSL_FLAG(std::string, token_file, "",
          "a file with the token that the authority takes for the first certificate");
ABSL_FLAG(std::string, identity_dir, "",
          "where key and certificate stay between two runs, mode 0700; empty: nowhere");
ABSL_FLAG(absl::Duration, certificate_lifetime, absl::ZeroDuration(),
          "to ask for; 0: as long as the authority gives");
ABSL_FLAG(std::string, sds_socket, "",
          "a Unix socket, in a directory of mode 0700, where the certificate is served over SDS");
ABSL_FLAG(std::string, admin, "127.0.0.1:15000",
          "address of the admin interface, port 0 for any free one; empty: none");
ABSL_FLAG(std::string, wildcard_address, "",
          "where listeners for all addresses are bound instead, such as 127.0.0.1");
ABSL_FLAG(int, concurrency, 1, "worker threads; 0: one a core");
ABSL_FLAG(absl::Duration, drain_time, absl::Seconds(5),
          "how long requests under way may take to finish after SIGTERM");
ABSL_FLAG(bool, explain_denials, false,
          "answers that a policy denies say in the header x-mesh-denied-by which policy it was");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

namespace {

// What the flags say of the workload's certificate.
mesh::agent::AgentOptions CertificateFlags() {
  mesh::agent::AgentOptions options;
  options.authority = absl::GetFlag(FLAGS_ca);
  options.roots_file = absl::GetFlag(FLAGS_ca_roots);
  options.token_file = absl::GetFlag(FLAGS_token_file);
  options.directory = absl::GetFlag(FLAGS_identity_dir);
  options.lifetime = absl::GetFlag(FLAGS_certificate_lifetime);
  options.sds_socket = absl::GetFlag(FLAGS_sds_socket);
  options.node_id = absl::GetFlag(FLAGS_node_id);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  examples::SetUsage(
      "a proxy configured over xDS\n\n  mesh-proxy --node_id=ID [--xds=HOST:PORT] "
      "[--admin=HOST:PORT]");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::fprintf(stderr, "mesh-proxy: unknown argument \"%s\"; --help lists the flags\n", rest[1]);
    return 64;
  }
  if (absl::GetFlag(FLAGS_node_id).empty()) {
    std::fprintf(stderr, "mesh-proxy: --node_id is missing; --help lists the flags\n");
    return 64;
  }
  mesh::LogLevel level = mesh::LogLevel::kInfo;
  bool known = false;
  for (mesh::LogLevel l : {mesh::LogLevel::kDebug, mesh::LogLevel::kInfo, mesh::LogLevel::kWarning,
                           mesh::LogLevel::kError}) {
    if (mesh::LogLevelName(l) == absl::GetFlag(FLAGS_log_level)) {
      level = l;
      known = true;
    }
  }
  if (!known) {
    std::fprintf(stderr, "mesh-proxy: --log_level must be debug, info, warning or error\n");
    return 64;
  }
  mesh::StderrLog log(level);

  // Signals come to this thread alone; a reader of our standard output may go away.
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);  // POST /quitquitquit
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  mesh::proxy::ProxyOptions options;
  options.node.id = absl::GetFlag(FLAGS_node_id);
  options.node.cluster = absl::GetFlag(FLAGS_node_cluster);
  options.node.metadata_json = absl::GetFlag(FLAGS_node_metadata);
  const std::string locality = absl::GetFlag(FLAGS_node_locality);
  const size_t zone = locality.find('/');
  options.node.region = locality.substr(0, zone);
  if (zone != std::string::npos) {
    const size_t sub_zone = locality.find('/', zone + 1);
    options.node.zone = locality.substr(
        zone + 1, sub_zone == std::string::npos ? std::string::npos : sub_zone - zone - 1);
    if (sub_zone != std::string::npos) options.node.sub_zone = locality.substr(sub_zone + 1);
  }
  options.xds_address = absl::GetFlag(FLAGS_xds);
  options.admin_address = absl::GetFlag(FLAGS_admin);
  options.wildcard_address = absl::GetFlag(FLAGS_wildcard_address);
  options.explain_denials = absl::GetFlag(FLAGS_explain_denials);
  options.concurrency = absl::GetFlag(FLAGS_concurrency);
  if (options.concurrency == 0) {
    options.concurrency = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }
  options.log = &log;
  options.on_quit = [] { kill(getpid(), SIGUSR1); };
  examples::ProxyIdentity identity;
  if (!absl::GetFlag(FLAGS_ca).empty()) {
    mesh::agent::AgentOptions agent = CertificateFlags();
    agent.log = &log;
    const absl::Status started = identity.Start(std::move(agent), &options);
    if (!started.ok()) {
      std::fprintf(stderr, "mesh-proxy: %s\n", std::string(started.message()).c_str());
      return 1;
    }
    // The control plane lets nobody in who is not known; where the authority does not answer, the
    // proxy goes on trying.
    identity.WaitReady(absl::Seconds(2)).IgnoreError();
  }
  auto proxy = mesh::proxy::Proxy::Start(std::move(options));
  if (!proxy.ok()) {
    std::fprintf(stderr, "mesh-proxy: %s\n", std::string(proxy.status().message()).c_str());
    return 1;
  }

  identity.GiveTo(proxy->get());

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  log.Log(mesh::LogLevel::kInfo, "proxy", "draining");
  (*proxy)->Drain();
  const bool drained = (*proxy)->WaitDrained(absl::GetFlag(FLAGS_drain_time));
  log.Log(mesh::LogLevel::kInfo, "proxy", drained ? "drained" : "the drain time is over");
  identity.Stop();
  (*proxy)->Stop();
  return 0;
}
