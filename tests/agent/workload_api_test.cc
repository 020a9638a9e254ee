// go-spiffe's own client of the Workload API against our agent's socket: certificates, roots,
// tokens and their keys, each verified by go-spiffe, and a mutual TLS call made with them.
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/agent/agent.h"
#include "mesh/base/log.h"
#include "mesh/ca/join_token.h"
#include "mesh/discovery/authority.h"
#include "tests/ca/peer.h"

namespace mesh {
namespace {

TEST(WorkloadApi, GoSpiffeIsServed) {
  const auto spiffe = FindPeer("spiffe_peer");
  if (!spiffe.ok()) {
    if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << spiffe.status().message();
    GTEST_SKIP() << spiffe.status().message();
  }
  std::string root = "/tmp/mesh-spiffeXXXXXX";  // a socket's path is short
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  MemoryLog log;
  discovery::AuthorityOptions authority_options;
  authority_options.directory = root + "/ca";
  authority_options.trust_domain = "cluster.local";
  authority_options.join_token_directory = root + "/tokens";
  authority_options.log = &log;
  const auto authority = discovery::Authority::Start(std::move(authority_options)).value();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", authority->Credentials(), &port);
  for (grpc::Service* service : authority->services()) builder.RegisterService(service);
  const auto server = builder.BuildAndStart();
  const auto id = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
  std::ofstream(root + "/token")
      << ca::CreateJoinToken(root + "/tokens", id, absl::Now() + absl::Hours(1)).value();
  agent::AgentOptions options;
  options.authority = absl::StrCat("127.0.0.1:", port);
  options.roots_file = root + "/ca/root-cert.pem";
  options.token_file = root + "/token";
  options.node_id = "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local";
  options.sds_socket = root + "/agent/socket";
  options.log = &log;
  // Not waited for: go-spiffe is answered when there is something.
  const auto agent = agent::Agent::Start(std::move(options)).value();

  const Outcome got =
      RunProgram({*spiffe, "workload", absl::StrCat("unix://", root, "/agent/socket"), "payments"});
  EXPECT_EQ(got.exit_code, 0) << got.err;
  EXPECT_EQ(got.out,
            "x509 spiffe://cluster.local/ns/default/sa/web 1\n"
            "jwt spiffe://cluster.local/ns/default/sa/web spiffe://cluster.local/ns/default/sa/web "
            "[payments] spiffe://cluster.local/ns/default/sa/web true\n"
            "another audience: rpc error: code = InvalidArgument desc = the token is refused: it "
            "is for another audience\n"
            "another name: rpc error: code = PermissionDenied desc = this workload is "
            "spiffe://cluster.local/ns/default/sa/web\n"
            "hello spiffe://cluster.local/ns/default/sa/web\n");

  agent->Stop();
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
}

}  // namespace
}  // namespace mesh
