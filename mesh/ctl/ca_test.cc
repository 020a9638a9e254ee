// A real control plane with an authority, and an agent that it knows.
#include "mesh/ctl/ca.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/agent/agent.h"
#include "mesh/ca/join_token.h"
#include "mesh/ctl/proxy_config.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/tls/context.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

class CaTest : public testing::Test {
 protected:
  CaTest() {
    root_ = absl::StrCat(getenv("TEST_TMPDIR"), "/caXXXXXX");
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
  }
  void Start(bool authority, bool rotation = true) {
    discovery::ControlPlaneOptions options;
    options.xds_address = options.secure_address = options.monitoring_address = "127.0.0.1:0";
    if (authority) {
      options.authority.emplace();
      options.authority->directory = root_ + "/ca";
      options.authority->join_token_directory = root_ + "/tokens";
      options.authority->rotation_over_http = rotation;
    }
    control_plane_ = discovery::ControlPlane::Start(std::move(options)).value();
  }
  void StartAgent() {
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
    std::ofstream(root_ + "/token")
        << ca::CreateJoinToken(root_ + "/tokens", id, absl::Now() + absl::Hours(1)).value();
    agent::AgentOptions options;
    options.authority = absl::StrCat("127.0.0.1:", control_plane_->secure_port());
    options.roots_file = root_ + "/ca/root-cert.pem";
    options.token_file = root_ + "/token";
    options.node_id = "sidecar~10.0.0.1~web-0.default~default.svc.cluster.local";
    agent_ = agent::Agent::Start(std::move(options)).value();
    const absl::Status ready = agent_->WaitReady(absl::Seconds(60));
    ASSERT_TRUE(ready.ok()) << ready;
    // Known once it listens for roots.
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (absl::Now() < deadline) {
      const auto holdings = control_plane_->authority()->Holdings({});
      if (!holdings.empty() && !holdings[0].roots.empty()) return;
      absl::SleepFor(absl::Milliseconds(5));
    }
    FAIL() << "the agent does not listen";
  }
  Outcome Ask(std::vector<std::string> args, bool server = true) {
    if (server) {
      args.push_back("--server");
      args.push_back(absl::StrCat("127.0.0.1:", control_plane_->monitoring_port()));
    }
    std::istringstream in;
    std::ostringstream out, err;
    const int code = ctl::Run({AddCa, AddProxyConfig}, args, in, out, err);
    return {code, out.str(), err.str()};
  }

  std::string root_;
  std::unique_ptr<discovery::ControlPlane> control_plane_;
  std::unique_ptr<agent::Agent> agent_;
};

TEST_F(CaTest, InspectShowsRootsAndWhoHoldsWhat) {
  Start(true);
  StartAgent();
  const Outcome outcome = Ask({"ca", "inspect"});
  EXPECT_EQ(outcome.code, kFine) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("trust domain: cluster.local\nrotation:     stable\n"),
                                 HasSubstr("in 9 y 364 d"), HasSubstr("web-0.default")));
  EXPECT_THAT(outcome.out, MatchesRegex("(.|\n)*web-0.default   in 23 h 5. min +[0-9a-f]{8} +"
                                        "[0-9a-f]{8} +yes\n"));
  const auto json = nlohmann::json::parse(Ask({"ca", "inspect", "-o", "json"}).out);
  EXPECT_EQ(json["proxies"][0]["proxy"], "web-0.default");
  EXPECT_EQ(json["proxies"][0]["leaf_root"], json["rotation"]["root"]);
}

TEST_F(CaTest, ARotationFromBeginningToEnd) {
  Start(true);
  StartAgent();
  const Outcome plan = Ask({"ca", "rotate", "--plan"});
  EXPECT_THAT(plan.out, MatchesRegex("phase:  stable\nroot:   [0-9a-f]{16}\nnext:   announce a new "
                                     "root beside the present one\nready:  1 of 1 connected "
                                     "proxies\n"));
  const std::string before = control_plane_->authority()->rotation().state.root;
  const Outcome rotated = Ask({"ca", "rotate", "--all"});
  EXPECT_EQ(rotated.out, "announced\nswitched\nstable\n") << rotated.err;
  EXPECT_EQ(rotated.code, kFine);
  EXPECT_NE(control_plane_->authority()->rotation().state.root, before);
}

TEST_F(CaTest, WhatAProxyHolds) {
  Start(true);
  StartAgent();
  const Outcome outcome = Ask({"proxy-config", "secret", "web-0.default"});
  EXPECT_EQ(outcome.code, kFine) << outcome.err;
  EXPECT_THAT(outcome.out,
              MatchesRegex("NAME      TYPE          IDENTITY +EXPIRES +SERIAL\n"
                           "default   certificate   spiffe://cluster.local/ns/default/sa/web   in "
                           "23 h 5. min +[0-9a-f]+\n"
                           "ROOTCA    roots         O=cluster.local +in 9 y 364 d +[0-9a-f]+\n"));
  const Outcome unknown = Ask({"proxy-config", "secret", "nobody.default"});
  EXPECT_EQ(unknown.code, kFailed);
  EXPECT_EQ(unknown.err,
            "meshctl: no proxy \"nobody.default\" is connected; connected are: web-0.default\n");
}

TEST_F(CaTest, WhereNothingCanBeDone) {
  Start(false);
  const std::string server = absl::StrCat("127.0.0.1:", control_plane_->monitoring_port());
  EXPECT_EQ(
      Ask({"ca", "inspect"}).err,
      absl::StrCat("meshctl: meshd at ", server, " has no authority: start it with --ca_dir\n"));
  control_plane_.reset();
  Start(true, /*rotation=*/false);
  const Outcome outcome = Ask({"ca", "rotate"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("takes no orders: start it with --ca_dir and --ca_rotation"));
}

TEST_F(CaTest, ACertificateFromTheDirectory) {
  Start(true);
  const Outcome issued =
      Ask({"ca", "issue", "--ca-dir", root_ + "/ca", "--namespace", "shop", "--service-account",
           "cart", "--out", root_ + "/cart", "--hours", "2", "--dns", "cart.test"},
          /*server=*/false);
  EXPECT_EQ(issued.code, kFine) << issued.err;
  EXPECT_THAT(issued.out, AllOf(HasSubstr("spiffe://cluster.local/ns/shop/sa/cart"),
                                HasSubstr("cart.test"), HasSubstr("in 1 h 59 min")));
  const Outcome inspected =
      Ask({"ca", "inspect", "-f", root_ + "/cart/chain.pem"}, /*server=*/false);
  EXPECT_THAT(inspected.out, HasSubstr("spiffe://cluster.local/ns/shop/sa/cart"));
  EXPECT_EQ(Ask({"ca", "inspect", "-f", "/no/such.pem"}, /*server=*/false).code, kUnreadable);
  const Outcome nowhere =
      Ask({"ca", "issue", "--ca-dir", "/no/such", "--out", root_ + "/x"}, /*server=*/false);
  EXPECT_EQ(nowhere.code, kFailed);
  EXPECT_EQ(nowhere.err, "meshctl: /no/such: No such file or directory\n");
}

}  // namespace
}  // namespace mesh::ctl
