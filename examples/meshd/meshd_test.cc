#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

extern char** environ;

namespace mesh {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// meshd as a child process, its stderr in a file.
class MeshdTest : public ::testing::Test {
 protected:
  MeshdTest() {
    std::string name = ::testing::TempDir() + "/meshd.XXXXXX";
    root_ = ::mkdtemp(name.data());
    Write("a/one.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n");
    Write("b/two.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: two}\n");
  }
  ~MeshdTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    fs::remove_all(root_);
  }
  void Write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  void Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "examples/meshd/meshd");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (root_ / "log").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  std::string Log() const {
    std::ifstream in(root_ / "log");
    return std::string((std::istreambuf_iterator<char>(in)), {});
  }
  bool AwaitLog(const std::string& text) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (Log().find(text) != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  }
  int ExitCode() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  fs::path root_;
  pid_t pid_ = 0;
};

TEST_F(MeshdTest, ServesAllPathsUntilItIsToldToStop) {
  Run({"--config", root_ / "a", "--config=" + (root_ / "b").string(), "--xds_address=127.0.0.1:0",
       "--monitoring_address=127.0.0.1:0"});
  ASSERT_TRUE(AwaitLog("info discovery: serving generation 1 (2 objects): xDS on port ")) << Log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitCode(), 0);
  EXPECT_THAT(Log(), HasSubstr("info meshd: signal 15: stopping\n"));
}

TEST_F(MeshdTest, ReportsWhatIsWrongAndServesTheRest) {
  Write("a/bad.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {nam: three}\n");
  Run({"--config", root_ / "a", "--xds_address=127.0.0.1:0", "--monitoring_address="});
  EXPECT_TRUE(AwaitLog("serving generation 1 (1 object)")) << Log();
  EXPECT_THAT(Log(), HasSubstr("error discovery: " + (root_ / "a/bad.yaml").string() + ":"));
}

// Through a start in which a file is broken, and on until it is whole again.
TEST_F(MeshdTest, KeepsWhatIsBrokenWhileItStarts) {
  const std::vector<std::string> arguments = {
      "--config", root_ / "a", "--xds_address=127.0.0.1:0",
      "--monitoring_address=", "--state_dir=" + (root_ / "state").string()};
  Run(arguments);
  ASSERT_TRUE(AwaitLog("serving generation 1 (1 object)")) << Log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitCode(), 0);
  Write("a/one.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: one, labels: {a: 5}}\n");
  Write("a/none.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: none, labels: {a: 5}}\n");
  Run(arguments);
  ASSERT_TRUE(AwaitLog("serving generation 1 (1 object)")) << Log();
  EXPECT_THAT(Log(), HasSubstr("info discovery: in force as before the restart: Namespace one\n"));
  const std::string said = "/one.yaml:3:";
  EXPECT_EQ(Log().find(said), Log().rfind(said)) << Log();
  EXPECT_NE(Log().find(said), std::string::npos) << Log();
  Write("a/one.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: one, labels: {a: b}}\n");
  EXPECT_TRUE(AwaitLog("generation 2: 1 changed (Namespace one)\n")) << Log();
  EXPECT_EQ(Log().find(said), Log().rfind(said)) << Log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitCode(), 0);
  // A file that is gone takes with it what it held, whatever is kept.
  fs::remove(root_ / "a/one.yaml");
  Run(arguments);
  EXPECT_TRUE(AwaitLog("serving generation 0 (0 objects)")) << Log();
}

// A real one: a file system of 16 KiB for what is kept.
TEST_F(MeshdTest, AFullDiskOfTheStateStopsNothing) {
  fs::create_directory(root_ / "state");
  if (::mount("tmpfs", (root_ / "state").c_str(), "tmpfs", 0, "size=16k,mode=700") != 0) {
    GTEST_SKIP() << "a file system cannot be mounted here: " << std::strerror(errno);
  }
  std::string large = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: one\n  annotations:\n";
  for (int i = 0; i < 2000; ++i) large += "    key-" + std::to_string(i) + ": some value\n";
  Run({"--config", root_ / "a", "--xds_address=127.0.0.1:0",
       "--monitoring_address=", "--state_dir=" + (root_ / "state").string()});
  EXPECT_TRUE(AwaitLog("serving generation 1 (1 object)")) << Log();
  Write("a/one.yaml", large);
  EXPECT_TRUE(AwaitLog("cannot be kept for the next start: ")) << Log();
  EXPECT_TRUE(AwaitLog("generation 2: 1 changed (Namespace one)\n")) << Log();
  Write("a/one.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n");
  EXPECT_TRUE(AwaitLog("what is in force is kept for the next start again\n")) << Log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(ExitCode(), 0);
  ::umount((root_ / "state").c_str());
}

TEST_F(MeshdTest, SaysHowItIsUsed) {
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string words;
  } rows[] = {
      {{}, 64, "meshd: --config PATH is missing\n"},
      {{"--config=x", "more"}, 64, "meshd: unexpected argument \"more\"\n"},
      {{"--config=x", "--log_level=loud"},
       64,
       "meshd: --log_level must be debug, info, warning or error\n"},
      {{"--config=/nowhere/at/all"}, 65, "meshd: /nowhere/at/all: cannot be read: "},
      {{"--config=" + (root_ / "a").string(), "--xds_address=127.0.0.1:0",
        "--monitoring_address=here"},
       1,
       "meshd: \"here\" is no address; write HOST:PORT\n"},
  };
  for (const auto& row : rows) {
    Run(row.arguments);
    EXPECT_EQ(ExitCode(), row.code) << row.words;
    EXPECT_THAT(Log(), HasSubstr(row.words));
  }
}

}  // namespace
}  // namespace mesh
