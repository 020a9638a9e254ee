#include "mesh/discovery/kept_state.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"

namespace mesh::discovery {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kYaml[] = R"(apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: reviews
  namespace: shop
  labels: {app: reviews}
  annotations: {note: "a: b"}
  creationTimestamp: 2020-01-31T12:00:00Z
  uid: u-1
  resourceVersion: "7"
  ownerReferences: [{apiVersion: v1, kind: Shop, name: s}]
spec:
  hosts: [reviews]
  http:
  - timeout: 1.5s
    route: [{destination: {host: reviews, subset: v1}}]
---
apiVersion: v1
kind: Service
metadata: {name: ratings}
spec: {ports: [{port: 80, targetPort: web}]}
)";

std::vector<config::KeptUnit> Units(const std::string& yaml = kYaml) {
  config::ReadResult read = config::ReadYaml("a.yaml", yaml);
  EXPECT_THAT(read.errors, IsEmpty());
  config::KeptUnit unit;
  unit.source = "files";
  unit.name = "a.yaml";
  unit.extent = config::Extent{yaml.size(), true};
  unit.objects = read.resources;
  return {unit};
}

// One object that takes some 20 KB.
std::vector<config::KeptUnit> LargeUnits() {
  std::string yaml = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations:\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&yaml, "    key-", i, ": some value\n");
  return Units(yaml);
}

TEST(KeptStateTest, WhatIsDecodedIsWhatWasEncoded) {
  const std::vector<config::KeptUnit> units = Units();
  const auto decoded = DecodeKept(EncodeKept(units));
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded->size(), 1);
  const config::KeptUnit& unit = decoded->front();
  EXPECT_EQ(unit.source, "files");
  EXPECT_EQ(unit.name, "a.yaml");
  EXPECT_EQ(unit.extent->size, units[0].extent->size);
  EXPECT_TRUE(unit.extent->line_feed);
  ASSERT_EQ(unit.objects.size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(config::SameContent(*unit.objects[i], *units[0].objects[i]));
    EXPECT_EQ(unit.objects[i]->api_version(), units[0].objects[i]->api_version());
    EXPECT_EQ(unit.objects[i]->position(), units[0].objects[i]->position());
  }
  EXPECT_EQ(unit.objects[0]->metadata().resource_version, "7");
}

TEST(KeptStateTest, WhatIsDamagedIsNotTaken) {
  const std::string bytes = EncodeKept(Units());
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(DecodeKept(bytes.substr(0, i)).ok()) << "cut off at " << i;
    std::string flipped = bytes;
    flipped[i] ^= 4;
    EXPECT_EQ(DecodeKept(flipped).status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

class KeptStateFileTest : public ::testing::Test {
 protected:
  KeptStateFileTest() {
    std::string name = ::testing::TempDir() + "/kept.XXXXXX";
    root_ = ::mkdtemp(name.data());
    directory_ = root_ / "state";
  }
  ~KeptStateFileTest() override { fs::remove_all(root_); }

  std::unique_ptr<KeptState> Open() {
    auto state = KeptState::Open(directory_, &log_);
    EXPECT_TRUE(state.ok()) << state.status();
    return *std::move(state);
  }
  std::vector<std::string> Objects() {
    std::vector<std::string> names;
    for (const config::KeptUnit& unit : Open()->Load()) {
      for (const config::ResourcePtr& object : unit.objects) names.push_back(object->ObjectName());
    }
    return names;
  }
  static mode_t ModeOf(const fs::path& path) {
    struct stat info;
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  fs::path root_;
  fs::path directory_;
  MemoryLog log_;
};

TEST_F(KeptStateFileTest, KeepsWhatWasSavedLastAndShowsItToNobody) {
  EXPECT_THAT(Objects(), IsEmpty());
  {
    const std::unique_ptr<KeptState> state = Open();
    state->Save(LargeUnits());
    state->Save(Units());
  }
  EXPECT_THAT(Objects(), ElementsAre("VirtualService shop/reviews", "Service default/ratings"));
  EXPECT_EQ(ModeOf(directory_), 0700);
  EXPECT_EQ(ModeOf(directory_ / "last-good"), 0600);
  EXPECT_THAT(log_.lines(), IsEmpty());
  fs::permissions(directory_, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(KeptState::Open(directory_, &log_).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(KeptStateFileTest, AFileThatIsDamagedIsReportedAndPassedOver) {
  Open()->Save(Units());
  fs::resize_file(directory_ / "last-good", 100);
  EXPECT_THAT(Objects(), IsEmpty());
  EXPECT_THAT(log_.lines(),
              ElementsAre("error discovery: " + (directory_ / "last-good").string() +
                          ": is damaged or of another version; of objects that are broken now no "
                          "earlier version is known"));
  Open()->Save(Units());
  EXPECT_EQ(Objects().size(), 2);
}

// A limit of the size of files, as a full disk; without the signal that usually comes with it.
TEST_F(KeptStateFileTest, AFullDiskLosesNothingAndIsReportedOnce) {
  Open()->Save(Units());
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 8192;
  {
    const std::unique_ptr<KeptState> state = Open();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    state->Save(LargeUnits());
    while (log_.lines().empty()) std::this_thread::yield();
    state->Save(LargeUnits());
    state->Stop();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  }
  ASSERT_EQ(log_.lines().size(), 1);
  EXPECT_THAT(log_.lines()[0],
              HasSubstr("error discovery: what is in force cannot be kept for the next start: "));
  EXPECT_THAT(log_.lines()[0], HasSubstr("File too large"));
  EXPECT_EQ(Objects().size(), 2) << "what was kept before";
  Open()->Save(LargeUnits());
  EXPECT_EQ(Objects().size(), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace mesh::discovery
