// A real Envoy as a proxy of our control plane: it takes what it is sent, follows edits without
// failing a request, and does not notice when the control plane is restarted.
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "mesh/base/log.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/source/directory_source.h"
#include "mesh/testing/envoy.h"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(30);

void Write(const fs::path& path, const std::string& text) {
  const fs::path beside = path.string() + ".tmp";
  std::ofstream(beside, std::ios::binary) << text;
  fs::rename(beside, path);
}

// An application that answers everything with one word.
class App {
 public:
  App(const std::string& address, int port, const std::string& word) {
    server_.Get(".*", [word](const httplib::Request&, httplib::Response& response) {
      response.set_content(word, "text/plain");
    });
    EXPECT_TRUE(server_.bind_to_port(address.c_str(), port));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~App() {
    server_.stop();
    thread_.join();
  }

 private:
  httplib::Server server_;
  std::thread thread_;
};

// Asks without a pause, on one connection, and remembers what came.
class Load {
 public:
  explicit Load(int port) {
    thread_ = std::thread([this, port] {
      httplib::Client client("127.0.0.1", port);
      client.set_keep_alive(true);
      while (!stop_) {
        auto answer = client.Get("/", {{"Host", "reviews"}});
        ++requests_;
        if (!answer || answer->status != 200) {
          ++failures_;
          last_failure_ = answer ? answer->status : 0;
        }
      }
    });
  }
  ~Load() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int requests() const { return requests_; }
  int failures() const { return failures_; }
  int last_failure() const { return last_failure_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0}, failures_{0}, last_failure_{0};
  std::thread thread_;
};

class EnvoyXdsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    std::string name = ::testing::TempDir() + "/envoy_xds.XXXXXX";
    root_ = ::mkdtemp(name.data());
    config_ = root_ / "config";
    fs::create_directory(config_);
    app_port_ = FreePort();
    listen_port_ = FreePort();
    Write(config_ / "services.yaml", Services());
    Write(config_ / "route.yaml", RouteTo({"v1", "v2"}));
    StartControlPlane(0);
    for (int i = 1; i <= 3; ++i) {
      apps_.push_back(
          std::make_unique<App>(absl::StrCat("127.0.0.1", i), app_port_, absl::StrCat("v", i)));
    }
    testing::EnvoyOptions options;
    options.binary = *binary;
    options.node_id = "sidecar~127.0.0.1~client.default~default.svc.cluster.local";
    options.node_cluster = "client";
    options.node_metadata_json = R"({"INTERCEPTION_MODE": "NONE"})";
    options.xds_address = absl::StrCat("127.0.0.1:", control_plane_->xds_port());
    auto envoy = testing::Envoy::Start(std::move(options));
    ASSERT_TRUE(envoy.ok()) << envoy.status();
    envoy_ = *std::move(envoy);
    ASSERT_TRUE(InSync()) << Report();
  }
  void TearDown() override {
    envoy_.reset();
    control_plane_.reset();
    if (!root_.empty()) fs::remove_all(root_);
  }

  void StartControlPlane(int port) {
    source::DirectorySourceOptions files;
    files.paths = {config_.string()};
    discovery::ControlPlaneOptions options;
    options.sources.push_back({"files", std::make_unique<source::DirectorySource>(files)});
    options.xds_address = absl::StrCat("127.0.0.1:", port);
    options.monitoring_address = "";
    options.log = &log_;
    auto started = discovery::ControlPlane::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    control_plane_ = *std::move(started);
  }
  // reviews-v1 … v3 run all the time at 127.0.0.11 … 13.
  std::string Services() const {
    std::string text = absl::StrReplaceAll(
        R"(apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: LISTEN, targetPort: APP}]
---
apiVersion: networking.istio.io/v1alpha3
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  egress:
  - port: {number: LISTEN, protocol: HTTP, name: http}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["*/*"]
---
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: DISABLE}}
)",
        {{"LISTEN", absl::StrCat(listen_port_)}, {"APP", absl::StrCat(app_port_)}});
    for (int i = 1; i <= 3; ++i) {
      absl::StrAppend(&text, absl::StrReplaceAll(R"(---
apiVersion: v1
kind: Pod
metadata: {name: reviews-vN, namespace: default, labels: {app: reviews, version: vN}}
status: {podIP: 127.0.0.1N, conditions: [{type: Ready, status: "True"}]}
)",
                                                 {{"N", absl::StrCat(i)}}));
    }
    return text;
  }
  // All requests to one subset, the first of those there are.
  static std::string RouteTo(const std::vector<std::string>& subsets) {
    std::string text = absl::StrCat(R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: )",
                                    subsets[0], R"(}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets:
)");
    for (const std::string& subset : subsets) {
      absl::StrAppend(&text, "  - {name: ", subset, ", labels: {version: ", subset, "}}\n");
    }
    return text;
  }
  bool InSync() const {
    return control_plane_->WaitInSync(1, control_plane_->snapshot()->generation(), kPatience);
  }
  // Writes a file and waits until Envoy acknowledged what follows from it.
  bool Edit(const std::string& file, const std::string& text) {
    const uint64_t before = control_plane_->snapshot()->generation();
    Write(config_ / file, text);
    return control_plane_->WaitInSync(1, before + 1, kPatience);
  }
  std::string Ask() const {
    httplib::Client client("127.0.0.1", listen_port_);
    auto answer = client.Get("/", {{"Host", "reviews"}});
    return !answer                 ? "no answer"
           : answer->status == 200 ? answer->body
                                   : absl::StrCat(answer->status);
  }
  std::string Report() const {
    std::string text = envoy_->Log();
    for (const std::string& line : log_.lines()) absl::StrAppend(&text, line, "\n");
    return text;
  }

  fs::path root_, config_;
  int app_port_ = 0, listen_port_ = 0;
  MemoryLog log_;
  std::unique_ptr<discovery::ControlPlane> control_plane_;
  std::vector<std::unique_ptr<App>> apps_;
  std::unique_ptr<testing::Envoy> envoy_;
};

TEST_F(EnvoyXdsTest, TakesEverythingAndFollowsAnEdit) {
  EXPECT_THAT(log_.lines(), Each(Not(HasSubstr("rejected")))) << Report();
  EXPECT_EQ(Ask(), "v1");
  ASSERT_TRUE(Edit("route.yaml", RouteTo({"v2"}))) << Report();
  EXPECT_EQ(Ask(), "v2");
  EXPECT_EQ(envoy_->Stat("listener_manager.lds.update_rejected"), 0);
  EXPECT_EQ(envoy_->Stat("cluster_manager.cds.update_rejected"), 0);
}

TEST_F(EnvoyXdsTest, SubsetsComeAndGoWithoutAFailedRequest) {
  Load load(listen_port_);
  for (int i = 0; i < 10; ++i) {
    // A new subset, the route to it, and the old subset gone: all in one change.
    const std::string to = i % 2 == 0 ? "v3" : "v2";
    ASSERT_TRUE(Edit("route.yaml", RouteTo({to}))) << Report();
    EXPECT_EQ(Ask(), to);
  }
  load.Stop();
  EXPECT_GT(load.requests(), 0);
  EXPECT_EQ(load.failures(), 0) << "the last with status " << load.last_failure();
}

TEST_F(EnvoyXdsTest, DoesNotNoticeANewControlPlane) {
  Load load(listen_port_);
  const uint64_t updates = envoy_->Stat("cluster_manager.cds.update_success") +
                           envoy_->Stat("listener_manager.lds.update_success");
  EXPECT_GE(updates, 2);
  const int port = control_plane_->xds_port();
  control_plane_.reset();
  StartControlPlane(port);
  ASSERT_TRUE(InSync()) << Report();
  EXPECT_EQ(envoy_->Stat("cluster_manager.cds.update_success") +
                envoy_->Stat("listener_manager.lds.update_success"),
            updates)
      << "what it has is not sent again";
  ASSERT_TRUE(Edit("route.yaml", RouteTo({"v2"}))) << Report();
  EXPECT_EQ(Ask(), "v2");
  load.Stop();
  EXPECT_EQ(load.failures(), 0) << "the last with status " << load.last_failure();
}

}  // namespace
}  // namespace mesh
