// `make demo` as its user sees it, with the real programs: the page, and that nothing stays behind.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/local/files.h"
#include "mesh/local/http_client.h"
#include "mesh/local/load.h"
#include "mesh/local/supervisor.h"

namespace {

using ::mesh::local::ProcessState;
using ::mesh::local::Supervisor;
using ::testing::HasSubstr;

// A process by a handle that no other process can take over.
class Process {
 public:
  explicit Process(pid_t pid) : fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
  Process(Process&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Process() {
    if (fd_ >= 0) close(fd_);
  }
  bool EndsWithin(absl::Duration duration) const {
    pollfd entry = {fd_, POLLIN, 0};
    return fd_ < 0 || poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(duration))) == 1;
  }

 private:
  int fd_;
};

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  const auto tasks = absl::StrCat("/proc/", parent, "/task");
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::ifstream file(task.path() / "children");
    for (pid_t child; file >> child;) children.push_back(child);
  }
  return children;
}

// One run of the demo, as a child of this test.
class Demo {
 public:
  explicit Demo(std::vector<std::string> flags) {
    const std::string programs = std::string(getenv("TEST_SRCDIR")) + "/mesh_sdk/examples/";
    log_ = absl::StrCat(getenv("TEST_TMPDIR"), "/",
                        testing::UnitTest::GetInstance()->current_test_info()->name(), ".",
                        ++demos_, ".log");
    std::vector<std::string> argv = {programs + "demo/demo", "--meshd=" + programs + "meshd/meshd",
                                     "--mesh_proxy=" + programs + "mesh-proxy/mesh-proxy",
                                     "--bookinfo=" + programs + "bookinfo/bookinfo",
                                     "--run_directory=" + log_ + ".run"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    Supervisor::Options options;
    options.min_delay = options.max_delay = absl::Hours(1);
    options.on_exit = [this](const ProcessState& state, bool) {
      mesh::MutexLock lock(&mutex_);
      exit_ = state.last_exit;
      changed_.NotifyAll();
    };
    supervisor_ = std::make_unique<Supervisor>(std::move(options));
    const absl::Status status = supervisor_->Start({"demo", argv, log_});
    EXPECT_TRUE(status.ok()) << status;
  }

  pid_t pid() const { return supervisor_->States()[0].pid; }
  std::string Output() const {
    auto text = mesh::local::ReadFile(log_);
    return text.ok() ? *text : "";
  }
  // "exit code 0"; "" when it has not ended in time.
  std::string WaitForExit(std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    mesh::MutexLock lock(&mutex_);
    while (exit_.empty() && changed_.WaitUntil(&mutex_, deadline)) {
    }
    return exit_;
  }
  // False when it does not say so in time.
  bool WaitForOutput(const std::string& words) {
    for (const absl::Time deadline = absl::Now() + absl::Minutes(1); absl::Now() < deadline;) {
      if (absl::StrContains(Output(), words)) return true;
      mesh::MutexLock lock(&mutex_);
      changed_.WaitUntil(&mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
    }
    return false;
  }
  // The gateway's port, once the demo has said its URL; 0 when it does not.
  int WaitForPort() {
    for (const absl::Time deadline = absl::Now() + absl::Minutes(2); absl::Now() < deadline;) {
      constexpr char kUrl[] = "http://127.0.0.1:";
      const std::string output = Output();
      const size_t at = output.find(kUrl);
      const size_t end = output.find("/productpage", at);
      int port = 0;
      if (end != std::string::npos &&
          absl::SimpleAtoi(output.substr(at + sizeof(kUrl) - 1, end - at - sizeof(kUrl) + 1),
                           &port)) {
        return port;
      }
      mesh::MutexLock lock(&mutex_);
      if (!exit_.empty()) return 0;
      changed_.WaitUntil(&mutex_, std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    }
    return 0;
  }

 private:
  static int demos_;

  std::string log_;
  mesh::Mutex mutex_;
  mesh::CondVar changed_;
  std::string exit_;
  std::unique_ptr<Supervisor> supervisor_;
};

int Demo::demos_ = 0;

std::string LastLine(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  return lines.empty() ? "" : lines.back();
}

TEST(DemoTest, TheCheckPassesWithOurYaml) {
  Demo demo({"--check"});
  EXPECT_EQ(demo.WaitForExit(std::chrono::minutes(4)), "exit code 0") << demo.Output();
  EXPECT_THAT(LastLine(demo.Output()), testing::MatchesRegex("[0-9]+ passed, 0 failed, 0 skipped"))
      << demo.Output();
}

TEST(DemoTest, TheCheckPassesWithIstiosOwnYaml) {
  const char* shared = getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set: no copy of Istio's samples";
  const std::string data = std::string(shared) + "/data/bookinfo/";
  Demo demo({"--check", data + "platform/kube/bookinfo.yaml",
             data + "networking/bookinfo-gateway.yaml",
             data + "networking/destination-rule-all.yaml",
             data + "networking/virtual-service-reviews-90-10.yaml"});
  EXPECT_EQ(demo.WaitForExit(std::chrono::minutes(4)), "exit code 0") << demo.Output();
  EXPECT_THAT(LastLine(demo.Output()), testing::MatchesRegex("[0-9]+ passed, 0 failed, 1 skipped"))
      << demo.Output();
}

TEST(DemoTest, CtrlCEndsEverythingItStarted) {
  Demo demo({"--port=0"});
  const int port = demo.WaitForPort();
  ASSERT_NE(port, 0) << demo.Output();
  mesh::local::HttpConnection connection("127.0.0.1", port);
  const auto page = connection.Get("/productpage", {}, absl::Seconds(30));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(mesh::local::JudgePage(page->status, page->body).failure, "");
  std::vector<Process> children;
  for (pid_t child : ChildrenOf(demo.pid())) children.emplace_back(child);
  EXPECT_EQ(children.size(), 14u);  // meshd, six applications, six sidecars, the gateway
  kill(demo.pid(), SIGINT);
  EXPECT_EQ(demo.WaitForExit(std::chrono::seconds(60)), "exit code 0") << demo.Output();
  for (const Process& child : children) EXPECT_TRUE(child.EndsWithin(absl::ZeroDuration()));
  EXPECT_THAT(demo.Output(), HasSubstr("demo: everything has ended; logs stay in "));
}

TEST(DemoTest, AKilledDemoLeavesNothingRunning) {
  Demo demo({"--port=0", "--load=0"});
  ASSERT_NE(demo.WaitForPort(), 0) << demo.Output();
  std::vector<Process> children;
  for (pid_t child : ChildrenOf(demo.pid())) children.emplace_back(child);
  EXPECT_EQ(children.size(), 14u);
  kill(demo.pid(), SIGKILL);
  for (const Process& child : children) EXPECT_TRUE(child.EndsWithin(absl::Seconds(30)));
}

TEST(DemoTest, WhoEditsTheYamlIsToldAtOnce) {
  const std::string copy = std::string(getenv("TEST_TMPDIR")) + "/edited";
  std::filesystem::copy("examples/bookinfo/yaml", copy);
  Demo demo({"--port=0", "--load=0", copy});
  ASSERT_NE(demo.WaitForPort(), 0) << demo.Output();
  const std::string file = copy + "/reviews.yaml";
  std::string text = *mesh::local::ReadFile(file);
  const size_t at = text.find("weight: 90");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 10, "wieght: 90");
  const auto line = 1 + std::count(text.begin(), text.begin() + at, '\n');
  ASSERT_TRUE(mesh::local::WriteAtomically(file, text).ok());
  const std::string words = absl::StrCat(
      "meshd: error discovery: ", file, ":", line, ":7: VirtualService default/reviews ",
      "spec.http[1].route[0]: unknown field \"wieght\", did you mean \"weight\"?\n");
  EXPECT_TRUE(demo.WaitForOutput(words)) << words << demo.Output();
  text.replace(at, 10, "weight: 80");
  text.replace(text.find("weight: 10"), 10, "weight: 20");
  ASSERT_TRUE(mesh::local::WriteAtomically(file, text).ok());
  EXPECT_TRUE(demo.WaitForOutput("1 changed (VirtualService default/reviews)")) << demo.Output();
}

TEST(DemoTest, PlaintextWhereThatIsAskedFor) {
  Demo demo({"--port=0", "--load=0", "--nomutual_tls"});
  const int port = demo.WaitForPort();
  ASSERT_NE(port, 0) << demo.Output();
  mesh::local::HttpConnection connection("127.0.0.1", port);
  const auto page = connection.Get("/productpage", {}, absl::Seconds(30));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(mesh::local::JudgePage(page->status, page->body).failure, "");
  EXPECT_THAT(demo.Output(), testing::Not(HasSubstr("mutual TLS")));
}

// Two demos at once, as two people on one machine would run them.
TEST(DemoTest, TwoAtOnce) {
  Demo first({"--port=0", "--load=0"});
  Demo second({"--port=0", "--load=0"});
  for (Demo* demo : {&first, &second}) {
    const int port = demo->WaitForPort();
    ASSERT_NE(port, 0) << demo->Output();
    mesh::local::HttpConnection connection("127.0.0.1", port);
    const auto page = connection.Get("/productpage", {}, absl::Seconds(30));
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(mesh::local::JudgePage(page->status, page->body).failure, "");
  }
}

}  // namespace
