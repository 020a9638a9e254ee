#include "tests/ca/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

extern char** environ;

namespace mesh {

PeerProcess::PeerProcess(const std::string& binary, std::function<void(absl::string_view)> on_line)
    : on_line_(std::move(on_line)) {
  int in[2], out[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string name = binary;
  char* argv[] = {name.data(), nullptr};
  EXPECT_EQ(posix_spawn(&pid_, binary.c_str(), &actions, nullptr, argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  reader_ = std::thread([this, fd = out[0]] { Read(fd); });
}

PeerProcess::~PeerProcess() {
  close(input_);  // which ends it
  waitpid(pid_, nullptr, 0);
  reader_.join();
}

int PeerProcess::port() {
  MutexLock lock(&mutex_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (port_ == 0 && !ended_ && said_.WaitUntil(&mutex_, deadline)) {
  }
  return port_;
}

void PeerProcess::Send(const std::string& line) {
  const std::string text = line + "\n";
  EXPECT_EQ(write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

void PeerProcess::Read(int fd) {
  FILE* const stream = fdopen(fd, "r");
  char* line = nullptr;
  size_t size = 0;
  for (ssize_t n; (n = getline(&line, &size, stream)) > 0;) {
    absl::string_view text(line, n);
    absl::ConsumeSuffix(&text, "\n");
    if (absl::ConsumePrefix(&text, "port ")) {
      MutexLock lock(&mutex_);
      EXPECT_TRUE(absl::SimpleAtoi(text, &port_));
      said_.NotifyAll();
    } else {
      on_line_(text);
    }
  }
  free(line);
  fclose(stream);
  MutexLock lock(&mutex_);
  ended_ = true;
  said_.NotifyAll();
}

}  // namespace mesh
