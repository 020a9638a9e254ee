// Three roots in turn, in phases, while workloads shake hands with each other and renew their
// certificates: no handshake fails. A real authority over TLS on loopback, real agents; each
// handshake is a full mutual one between two workloads, with the contexts that they have at that
// moment.
//
// MESH_HANDSHAKES sets how many there are at least (3,000 by default); 100,000 take about a minute of
// one core:
//
//   bazel build //tests/ca:rotation_test
//   MESH_HANDSHAKES=100000 bazel-bin/tests/ca/rotation_test
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/agent/agent.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/join_token.h"
#include "mesh/discovery/authority.h"
#include "mesh/tls/context.h"
#include "mesh/tls/session.h"
#include "mesh/tls/testing.h"

namespace mesh {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr int kWorkloads = 4, kRotations = 3, kSteps = 3;
// Renewed after 24 to 30 seconds; what is left is room for a machine that is busy.
constexpr absl::Duration kLifetime = absl::Minutes(1);

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

// An agent, and what a proxy beside it makes of what it hands on.
class Workload {
 public:
  struct Contexts {
    std::shared_ptr<const tls::Context> server, client;
    std::string leaf;
  };

  Workload(const std::string& root, int port, int number) {
    const std::string name = absl::StrCat("w", number);
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", name).value();
    std::ofstream(root + "/" + name)
        << ca::CreateJoinToken(root + "/tokens", id, absl::Now() + absl::Hours(1)).value();
    agent::AgentOptions options;
    options.authority = absl::StrCat("127.0.0.1:", port);
    options.roots_file = root + "/ca/root-cert.pem";
    options.token_file = root + "/" + name;
    options.node_id = node_ =
        absl::StrCat("sidecar~10.0.0.1~", name, ".default~default.svc.cluster.local");
    options.lifetime = kLifetime;
    options.on_change = [this](const agent::Held& held) { Take(held); };
    agent_ = agent::Agent::Start(std::move(options)).value();
  }
  ~Workload() { agent_->Stop(); }

  bool WaitReady() const { return agent_->WaitReady(kPatience).ok(); }
  const std::string& node() const { return node_; }
  Contexts contexts() const {
    MutexLock lock(&mutex_);
    return contexts_;
  }
  int renewals() const {
    MutexLock lock(&mutex_);
    return renewals_;
  }

 private:
  void Take(const agent::Held& held) {
    tls::ContextOptions options;
    options.identity = held.identity;
    options.validation.roots = tls::TrustRoots(held.roots);
    options.resumption = false;  // full handshakes
    Contexts contexts{tls::Context::Server(options).value(), tls::Context::Client(options).value(),
                      held.identity.chain.front().Fingerprint()};
    MutexLock lock(&mutex_);
    if (!contexts_.leaf.empty() && contexts_.leaf != contexts.leaf) ++renewals_;
    contexts_ = std::move(contexts);
  }

  std::string node_;
  std::unique_ptr<agent::Agent> agent_;
  mutable Mutex mutex_;
  Contexts contexts_ ABSL_GUARDED_BY(mutex_);
  int renewals_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Empty, or why one of the two refuses the other.
std::string Shake(const Workload& from, const Workload& to) {
  tls::Session client(from.contexts().client), server(to.contexts().server);
  tls::RunHandshake(&client, &server);
  for (const tls::Session* side : {&client, &server}) {
    if (!side->error().ok()) return std::string(side->error().message());
    if (!side->handshake_done()) return "it does not end";
    if (side->connection().resumed) return "it is no full one";
    if (side->connection().peer_chain.empty()) return "it is not mutual";
  }
  return "";
}

TEST(Rotation, ThreeRootsInTurnAndNoHandshakeFails) {
  const uint64_t wanted = FromEnvironment("MESH_HANDSHAKES", 3000);
  std::string root = absl::StrCat(getenv("TEST_TMPDIR") == nullptr ? "/tmp" : getenv("TEST_TMPDIR"),
                                  "/rotationXXXXXX");
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  discovery::AuthorityOptions options;
  options.directory = root + "/ca";
  options.trust_domain = "cluster.local";
  options.join_token_directory = root + "/tokens";
  const auto authority = discovery::Authority::Start(std::move(options)).value();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", authority->Credentials(), &port);
  for (grpc::Service* service : authority->services()) builder.RegisterService(service);
  const auto server = builder.BuildAndStart();
  std::vector<std::unique_ptr<Workload>> workloads;
  std::vector<std::string> nodes;
  for (int i = 0; i < kWorkloads; ++i) {
    workloads.push_back(std::make_unique<Workload>(root, port, i));
    ASSERT_TRUE(workloads.back()->WaitReady());
    nodes.push_back(workloads.back()->node());
  }

  std::mt19937 random(1);
  uint64_t count = 0, failed = 0;
  std::string first_failure;
  const auto shake = [&](uint64_t times) {
    for (; times > 0; --times) {
      const size_t from = random() % kWorkloads;
      const size_t to = (from + 1 + random() % (kWorkloads - 1)) % kWorkloads;
      const std::string why = Shake(*workloads[from], *workloads[to]);
      ++count;
      if (why.empty()) continue;
      if (failed++ == 0) first_failure = absl::StrCat("handshake ", count, ": ", why);
    }
  };
  const std::string first = authority->rotation().state.root;
  const uint64_t in_each = wanted / (kRotations * kSteps + 1) + 1;
  for (int step = 0; step < kRotations * kSteps; ++step) {
    shake(in_each);
    // Until all have proven that they are ready for it; meanwhile they go on, now with one
    // another's news, now without.
    const absl::Time deadline = absl::Now() + kPatience;
    absl::Status stepped = authority->TakeNextStep(nodes);
    while (!stepped.ok() && absl::Now() < deadline) {
      shake(4);
      absl::SleepFor(absl::Milliseconds(20));  // an attempt reads what every workload has proven
      stepped = authority->TakeNextStep(nodes);
    }
    ASSERT_TRUE(stepped.ok()) << "step " << step << ": " << stepped;
  }
  shake(in_each);
  int renewals = 0;
  for (const auto& workload : workloads) {
    EXPECT_GE(workload->renewals(), kRotations) << "each new root brings a new certificate";
    renewals += workload->renewals();
  }
  EXPECT_EQ(authority->rotation().state.phase, ca::RotationPhase::kStable);
  EXPECT_NE(authority->rotation().state.root, first);
  EXPECT_GE(count, wanted);
  EXPECT_EQ(failed, 0) << "of " << count << "; " << first_failure;
  std::cout << failed << " of " << count << " full mutual handshakes failed over " << kRotations
            << " rotations of the root, " << renewals << " renewals of certificates\n";

  workloads.clear();
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
}

}  // namespace
}  // namespace mesh
