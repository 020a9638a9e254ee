#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
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
  EXPECT_TRUE(AwaitLog("serving generation 1 (1 objects)")) << Log();
  EXPECT_THAT(Log(), HasSubstr("error discovery: " + (root_ / "a/bad.yaml").string() + ":"));
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
