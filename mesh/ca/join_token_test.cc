#include "mesh/ca/join_token.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mesh::ca {
namespace {

class JoinTokenTest : public testing::Test {
 protected:
  JoinTokenTest() {
    std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/tokensXXXXXX");
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path + "/tokens";
  }
  std::string Create(absl::Duration valid_for = absl::Hours(1)) {
    return CreateJoinToken(directory_, id_, now_ + valid_for).value();
  }
  std::string Refusal(std::string_view token) {
    const auto used = UseJoinToken(directory_, token, now_);
    return used.ok() ? "taken" : std::string(used.status().message());
  }

  std::string directory_;
  const absl::Time now_ = absl::FromUnixSeconds(1800000000);
  const tls::SpiffeId id_ = tls::SpiffeId::Workload("cluster.local", "default", "web").value();
};

TEST_F(JoinTokenTest, IsForOneUse) {
  const std::string token = Create(), other = Create();
  EXPECT_NE(token, other);
  EXPECT_EQ(*UseJoinToken(directory_, token, now_), id_);
  EXPECT_EQ(Refusal(token), "it is none, or was used before");
  EXPECT_EQ(*UseJoinToken(directory_, other, now_), id_);
}

TEST_F(JoinTokenTest, Expires) {
  const std::string token = Create(absl::ZeroDuration());
  EXPECT_EQ(Refusal(token), "it has expired");
  EXPECT_EQ(Refusal(token), "it is none, or was used before");
}

TEST_F(JoinTokenTest, WhatIsNoTokenIsRefused) {
  const std::string token = Create();
  EXPECT_EQ(Refusal(""), "it is none, or was used before");
  EXPECT_EQ(Refusal("../../etc/passwd"), "it is none, or was used before");
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    EXPECT_EQ(file.path().string().find(token), std::string::npos) << "a hash alone";
    std::ofstream(file.path()) << "tomorrow\n";
  }
  EXPECT_EQ(Refusal(token), "its file cannot be read");
}

TEST_F(JoinTokenTest, TheDirectoryIsItsUsersAlone) {
  Create();
  struct stat info;
  ASSERT_EQ(stat(directory_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700);
  chmod(directory_.c_str(), 0755);
  EXPECT_EQ(CreateJoinToken(directory_, id_, now_).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace mesh::ca
