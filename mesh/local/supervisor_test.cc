#include "mesh/local/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::local {
namespace {

using ::testing::HasSubstr;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string TempFile(const std::string& name) {
  return std::string(getenv("TEST_TMPDIR")) + "/" + name + "." + std::to_string(getpid());
}

// Collects what on_exit is told and lets a test wait for it.
class Exits {
 public:
  std::function<void(const ProcessState&, bool)> Callback() {
    return [this](const ProcessState& state, bool wanted) {
      MutexLock lock(&mutex_);
      exits_.push_back(state.name + ": " + state.last_exit + (wanted ? ", wanted" : ""));
      changed_.NotifyAll();
    };
  }
  std::vector<std::string> WaitFor(size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    MutexLock lock(&mutex_);
    while (exits_.size() < count && changed_.WaitUntil(&mutex_, deadline)) {
    }
    return exits_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> exits_;
};

TEST(SupervisorTest, OutputGoesToTheLogAndTheExitIsReported) {
  Exits exits;
  MemoryLog log;
  Supervisor supervisor({&log, exits.Callback(), absl::Hours(1), absl::Hours(1)});
  const std::string file = TempFile("output");
  ASSERT_TRUE(
      supervisor.Start({"hello", {"/bin/sh", "-c", "echo out; echo err >&2; cat; exit 3"}, file})
          .ok());
  EXPECT_EQ(exits.WaitFor(1), std::vector<std::string>{"hello: exit code 3, wanted"});
  EXPECT_EQ(ReadAll(file), "out\nerr\n");
  EXPECT_EQ(log.lines()[0],
            "warning supervisor: hello ended: exit code 3; it will be started again");
}

TEST(SupervisorTest, AChildThatCrashesIsStartedAgain) {
  Exits exits;
  Supervisor supervisor(
      {LogSink::Null(), exits.Callback(), absl::Milliseconds(1), absl::Milliseconds(2)});
  ASSERT_TRUE(
      supervisor.Start({"crasher", {"/bin/sh", "-c", "kill -SEGV $$"}, TempFile("crash")}).ok());
  const auto seen = exits.WaitFor(3);
  ASSERT_GE(seen.size(), 3u);
  EXPECT_EQ(seen[2], "crasher: signal 11 (Segmentation fault), wanted");
  ASSERT_TRUE(supervisor.Stop("crasher", absl::ZeroDuration()).ok());
  const auto states = supervisor.States();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].pid, 0);
  EXPECT_GE(states[0].restarts, 2);
}

TEST(SupervisorTest, StopIsForGoodAndKillsWhatIgnoresIt) {
  Exits exits;
  Supervisor supervisor({LogSink::Null(), exits.Callback()});
  // The second ignores SIGTERM; "ready" in its log says that it does.
  const std::string file = TempFile("stubborn");
  ASSERT_TRUE(supervisor.Start({"polite", {"/bin/sleep", "1000"}, TempFile("polite")}).ok());
  ASSERT_TRUE(
      supervisor
          .Start({"stubborn",
                  {"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"},
                  file})
          .ok());
  while (ReadAll(file) != "ready\n") usleep(1000);
  EXPECT_TRUE(supervisor.Stop("polite", absl::Seconds(30)).ok());
  EXPECT_EQ(exits.WaitFor(1), std::vector<std::string>{"polite: signal 15 (Terminated)"});
  supervisor.StopAll(absl::Milliseconds(10));
  EXPECT_EQ(exits.WaitFor(2)[1], "stubborn: signal 9 (Killed)");
  EXPECT_EQ(supervisor.Stop("nobody", absl::ZeroDuration()).message(),
            "there is no process \"nobody\"");
}

TEST(SupervisorTest, AStoppedChildCanBeStartedAgain) {
  Supervisor supervisor({});
  const ProcessSpec spec = {"sleeper", {"/bin/sleep", "1000"}, TempFile("again")};
  ASSERT_TRUE(supervisor.Start(spec).ok());
  EXPECT_EQ(supervisor.Start(spec).message(), "\"sleeper\" runs already");
  ASSERT_TRUE(supervisor.Stop("sleeper", absl::ZeroDuration()).ok());
  EXPECT_TRUE(supervisor.Start(spec).ok());
  EXPECT_NE(supervisor.States()[0].pid, 0);
}

TEST(SupervisorTest, AProgramThatIsNotThereIsSaidAtOnce) {
  Supervisor supervisor({});
  const absl::Status status = supervisor.Start({"ghost", {"/no/such/program"}, TempFile("ghost")});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot execute /no/such/program: No such file or directory"));
}

TEST(SupervisorTest, ChildrenLeadTheirOwnGroupAndInheritNothing) {
  Exits exits;
  Supervisor supervisor({LogSink::Null(), exits.Callback(), absl::Hours(1), absl::Hours(1)});
  const int leak = dup(STDERR_FILENO);  // not close-on-exec
  const std::string file = TempFile("group");
  ASSERT_TRUE(
      supervisor
          .Start({"child",
                  {"/bin/sh", "-c", "echo $(ps -o pgid= -p $$) $$; ls /proc/$$/fd | tr '\\n' ' '"},
                  file})
          .ok());
  exits.WaitFor(1);
  close(leak);
  std::istringstream text(ReadAll(file));
  long group = 0, pid = -1;
  std::string rest;
  text >> group >> pid;
  std::getline(text, rest);
  std::getline(text, rest);
  EXPECT_EQ(group, pid);
  EXPECT_EQ(rest.substr(0, 5), "0 1 2") << rest;
  EXPECT_EQ(rest.find(" 3 "), std::string::npos) << rest;
}

// What a user saw: the demo's terminal was closed, and its proxies ran on.
TEST(SupervisorTest, ChildrenDieWithTheirSupervisorHoweverItDies) {
  Supervisor supervisor({});
  const std::string file = TempFile("outer");
  const std::string helper =
      std::string(getenv("TEST_SRCDIR")) + "/mesh_sdk/mesh/local/supervise_a_sleeper";
  ASSERT_TRUE(supervisor.Start({"outer", {helper, TempFile("inner")}, file}).ok());
  pid_t sleeper = 0;
  while (sleeper == 0) {
    std::istringstream(ReadAll(file)) >> sleeper;
    usleep(1000);
  }
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, sleeper, 0));
  ASSERT_GE(fd, 0) << sleeper;
  ASSERT_TRUE(supervisor.Stop("outer", absl::ZeroDuration()).ok());
  pollfd entry = {fd, POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 30000), 1) << "process " << sleeper << " still runs";
  close(fd);
}

}  // namespace
}  // namespace mesh::local
