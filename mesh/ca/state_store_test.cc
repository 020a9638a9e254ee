#include "mesh/ca/state_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mesh::ca {
namespace {

std::string FreshDirectory() {
  std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/storeXXXXXX");
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path + "/ca";
}

TEST(DirectoryStore, WhatIsWrittenIsReadByTheNextOne) {
  const std::string path = FreshDirectory();
  auto store = DirectoryStore::Open(path).value();
  EXPECT_EQ(store->Read("roots.pem").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store->Write("roots.pem", "one").ok());
  ASSERT_TRUE(store->Write("roots.pem", "two").ok());
  EXPECT_EQ(*DirectoryStore::Open(path).value()->Read("roots.pem"), "two");
}

TEST(DirectoryStore, NobodyElseMayRead) {
  const std::string path = FreshDirectory();
  const mode_t before = umask(0);
  auto store = DirectoryStore::Open(path).value();
  ASSERT_TRUE(store->Write("roots.pem", "key").ok());
  umask(before);
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700);
  ASSERT_EQ(stat((path + "/roots.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);

  ASSERT_EQ(chmod(path.c_str(), 0750), 0);
  EXPECT_EQ(DirectoryStore::Open(path).status().message(),
            path + " holds private keys and is open to others: chmod 700 it");
}

TEST(DirectoryStore, NamesStayInTheDirectory) {
  auto store = DirectoryStore::Open(FreshDirectory()).value();
  for (const char* name : {"", "../x", "a/b", ".hidden", "A"}) {
    EXPECT_FALSE(store->Write(name, "x").ok()) << name;
    EXPECT_FALSE(store->Read(name).ok()) << name;
  }
}

// A disk that is full, as a limit on the size of files.
TEST(DirectoryStore, AWriteThatFailsLeavesTheOldState) {
  const std::string path = FreshDirectory();
  auto store = DirectoryStore::Open(path).value();
  ASSERT_TRUE(store->Write("roots.pem", "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(store->Write("roots.pem", std::string(5000, 'x')).ok() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*store->Read("roots.pem"), "old");
  EXPECT_NE(access((path + "/roots.pem.new").c_str(), F_OK), 0);
  EXPECT_TRUE(store->Write("roots.pem", "new").ok());
}

// A child writes ever higher numbers and says so over a pipe; it is killed at 1,000 points.
TEST(DirectoryStore, AThousandKillsTearNothingAndLoseNothing) {
  const std::string path = FreshDirectory();
  auto store = DirectoryStore::Open(path).value();
  const auto content = [](int n) { return absl::StrCat(n, ":", std::string(6000, 'a' + n % 26)); };
  ASSERT_TRUE(store->Write("roots.pem", content(0)).ok());
  int acknowledged = 0;
  uint32_t random = 7;
  for (int round = 0; round < 1000; ++round) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipes[0]);
      for (int n = acknowledged + 1;; ++n) {
        if (!store->Write("roots.pem", content(n)).ok()) _exit(1);
        if (write(pipes[1], &n, sizeof n) != sizeof n) _exit(1);
      }
    }
    close(pipes[1]);
    int n = 0;
    // At least one write has been acknowledged, then the blow falls anywhere in the next ones.
    ASSERT_EQ(read(pipes[0], &n, sizeof n), sizeof n);
    random = random * 1664525 + 1013904223;
    for (volatile uint32_t spin = 0; spin < (random >> 14); spin = spin + 1) {
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    acknowledged = n;
    while (read(pipes[0], &n, sizeof n) == sizeof n) acknowledged = n;
    close(pipes[0]);

    const std::string state = *store->Read("roots.pem");
    int found = atoi(state.c_str());
    ASSERT_TRUE(state == content(found)) << "torn: " << state.substr(0, 20);
    ASSERT_GE(found, acknowledged);
    ASSERT_LE(found, acknowledged + 1);
    acknowledged = found;
  }
}

}  // namespace
}  // namespace mesh::ca
