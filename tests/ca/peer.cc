#include "tests/ca/peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace mesh {
namespace {

std::string TakeFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  unlink(path.c_str());
  return text.str();
}

std::string TemporaryFile() {
  const char* directory = getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(directory == nullptr ? "/tmp" : directory, "/outputXXXXXX");
  close(mkstemp(path.data()));
  return path;
}

}  // namespace

absl::StatusOr<std::string> FindPeer(const std::string& name) {
  std::string cache;
  if (const char* given = getenv("MESH_CACHE")) {
    cache = given;
  } else if (const char* home = getenv("HOME")) {
    cache = absl::StrCat(home, "/.cache/mesh-sdk");
  }
  const std::string path = absl::StrCat(cache, "/peers/bin/", name);
  if (access(path.c_str(), X_OK) == 0) return path;
  return absl::NotFoundError(
      absl::StrCat("no ", path, "; third_party/setup/peer ", name, " installs it"));
}

Outcome RunProgram(const std::vector<std::string>& argv) {
  const std::string out = TemporaryFile(), err = TemporaryFile();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_TRUNC, 0600);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Outcome outcome;
  pid_t pid = 0;
  if (posix_spawn(&pid, argv[0].c_str(), &actions, nullptr, arguments.data(), environ) == 0) {
    int status = 0;
    waitpid(pid, &status, 0);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  posix_spawn_file_actions_destroy(&actions);
  outcome.out = TakeFile(out);
  outcome.err = TakeFile(err);
  return outcome;
}

}  // namespace mesh
