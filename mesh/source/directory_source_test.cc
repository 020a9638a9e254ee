#include "mesh/source/directory_source.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/mutex.h"
#include "mesh/config/mesh_config.h"
#include "mesh/config/store.h"

namespace mesh::source {
namespace {

namespace fs = std::filesystem;
using config::ApplyResult;
using config::Change;
using config::Kind;
using config::SourceUpdate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A namespace with a label, to tell versions apart.
std::string Namespace(const std::string& name, const std::string& version = "v1") {
  return absl::StrCat("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ", name,
                      "\n  labels: {version: ", version, "}\n");
}

void Write(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
}

// As careful programs write: beside it, then renamed into place.
void Replace(const fs::path& path, const std::string& text) {
  const fs::path beside = path.string() + ".tmp";
  Write(beside, text);
  fs::rename(beside, path);
}

// While it lives, file permissions bind this thread and those it starts, root's too.
class BoundByPermissions {
 public:
  BoundByPermissions() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, before_), 0);
    __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {before_[0], before_[1]};
    now[0].effective &= ~((1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH));
    EXPECT_EQ(::syscall(SYS_capset, &header_, now), 0);
  }
  ~BoundByPermissions() { EXPECT_EQ(::syscall(SYS_capset, &header_, before_), 0); }

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[_LINUX_CAPABILITY_U32S_3] = {};
};

class DirectorySourceTest : public ::testing::Test {
 protected:
  DirectorySourceTest() {
    std::string name = ::testing::TempDir() + "/source.XXXXXX";
    root_ = ::mkdtemp(name.data());
    dir_ = root_ / "config";
    fs::create_directory(dir_);
    options_.paths = {dir_.string()};
  }
  ~DirectorySourceTest() override {
    if (source_ != nullptr) source_->Stop();
    fs::permissions(dir_, fs::perms::owner_all, fs::perm_options::add);
    fs::remove_all(root_);
  }

  absl::Status Start() {
    source_ = std::make_unique<DirectorySource>(options_);
    return source_->Start([this](SourceUpdate update) {
      const ApplyResult result = store_.Apply(std::move(update));
      MutexLock lock(&mutex_);
      ++updates_;
      for (const FieldError& error : result.new_errors) errors_.push_back(error.ToString());
      changed_.NotifyAll();
    });
  }

  // "a=v1 b=v2": the namespaces in force.
  std::string InForce() const {
    std::string text;
    for (const config::ResourcePtr& r : store_.Current()->List(Kind::kNamespace)) {
      absl::StrAppend(&text, text.empty() ? "" : " ", r->name(), "=",
                      r->metadata().labels.at("version"));
    }
    return text;
  }

  // Waits till they are; says what they are instead after a while.
  std::string WaitFor(const std::string& wanted) {
    Wait([&] { return InForce() == wanted; });
    return InForce();
  }

  void Wait(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(&mutex_);
    while (!condition()) {
      if (!changed_.WaitUntil(&mutex_, deadline)) return;
    }
  }

  std::vector<std::string> Errors() {
    MutexLock lock(&mutex_);
    return errors_;
  }

  fs::path root_;
  fs::path dir_;
  DirectorySourceOptions options_;
  std::unique_ptr<DirectorySource> source_;
  config::Store store_{
      config::Store::Options{[](const config::Resource&) { return std::vector<FieldError>(); }}};
  Mutex mutex_;
  CondVar changed_;
  int updates_ = 0;
  std::vector<std::string> errors_;
};

TEST_F(DirectorySourceTest, ReadsAllFilesBelowBeforeStartReturns) {
  Write(dir_ / "b.yaml", Namespace("b"));
  fs::create_directories(dir_ / "deep" / "down");
  Write(dir_ / "deep" / "down" / "a.yml", Namespace("a"));
  Write(dir_ / "c.json", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"c",)"
                         R"("labels":{"version":"v1"}}})");
  Write(dir_ / "README.md", "no configuration");
  Write(dir_ / ".hidden.yaml", Namespace("hidden"));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(InForce(), "a=v1 b=v1 c=v1");
  EXPECT_EQ(updates_, 1);
}

TEST_F(DirectorySourceTest, FollowsEveryWayToChangeAFile) {
  Write(dir_ / "a.yaml", Namespace("a"));
  ASSERT_TRUE(Start().ok());
  Write(dir_ / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2") << "written in place";
  Replace(dir_ / "a.yaml", Namespace("a", "v3"));
  EXPECT_EQ(WaitFor("a=v3"), "a=v3") << "renamed into place";
  Write(dir_ / "b.yaml", Namespace("b"));
  EXPECT_EQ(WaitFor("a=v3 b=v1"), "a=v3 b=v1") << "a new file";
  fs::rename(dir_ / "b.yaml", dir_ / "c.yaml");
  Wait([&] {
    const config::ResourcePtr b = store_.Current()->Find(Kind::kNamespace, "", "b");
    return b != nullptr && *b->position().file == (dir_ / "c.yaml").string();
  });
  EXPECT_EQ(InForce(), "a=v3 b=v1") << "renamed";
  fs::remove(dir_ / "c.yaml");
  EXPECT_EQ(WaitFor("a=v3"), "a=v3") << "deleted";
  Write(root_ / "outside.yaml", Namespace("o"));
  fs::create_hard_link(root_ / "outside.yaml", dir_ / "linked.yaml");
  EXPECT_EQ(WaitFor("a=v3 o=v1"), "a=v3 o=v1") << "a hard link";
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(DirectorySourceTest, FollowsDirectoriesThatComeGoAndAreReplaced) {
  ASSERT_TRUE(Start().ok());
  fs::create_directories(dir_ / "new" / "deep");
  Write(dir_ / "new" / "deep" / "a.yaml", Namespace("a"));
  EXPECT_EQ(WaitFor("a=v1"), "a=v1");
  Write(dir_ / "new" / "deep" / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2");
  fs::create_directories(root_ / "next" / "deep");
  Write(root_ / "next" / "deep" / "b.yaml", Namespace("b"));
  fs::remove_all(dir_ / "new");
  fs::rename(root_ / "next", dir_ / "new");
  EXPECT_EQ(WaitFor("b=v1"), "b=v1");
  Write(dir_ / "new" / "deep" / "b.yaml", Namespace("b", "v2"));
  EXPECT_EQ(WaitFor("b=v2"), "b=v2") << "the new directory is watched";
  fs::remove_all(dir_ / "new");
  EXPECT_EQ(WaitFor(""), "");
}

TEST_F(DirectorySourceTest, FollowsAConfigMapAsKubernetesMountsIt) {
  fs::create_directory(dir_ / "..2020_1");
  Write(dir_ / "..2020_1" / "a.yaml", Namespace("a"));
  fs::create_symlink("..2020_1", dir_ / "..data");
  fs::create_symlink("..data/a.yaml", dir_ / "a.yaml");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(InForce(), "a=v1");
  for (int i = 2; i < 5; ++i) {
    const std::string version = absl::StrCat("v", i);
    const fs::path next = dir_ / absl::StrCat("..2020_", i);
    fs::create_directory(next);
    Write(next / "a.yaml", Namespace("a", version));
    fs::create_symlink(next.filename(), dir_ / "..data_tmp");
    fs::rename(dir_ / "..data_tmp", dir_ / "..data");
    fs::remove_all(dir_ / absl::StrCat("..2020_", i - 1));
    EXPECT_EQ(WaitFor("a=" + version), "a=" + version);
  }
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(DirectorySourceTest, FollowsWhatALinkPointsTo) {
  fs::create_directory(root_ / "elsewhere");
  Write(root_ / "elsewhere" / "a.yaml", Namespace("a"));
  fs::create_symlink(root_ / "elsewhere" / "a.yaml", dir_ / "a.yaml");
  ASSERT_TRUE(Start().ok());
  Replace(root_ / "elsewhere" / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2");
}

TEST_F(DirectorySourceTest, FollowsSingleFilesAndTheMeshsSettings) {
  Write(dir_ / "a.yaml", Namespace("a"));
  Write(dir_ / "ignored.yaml", Namespace("ignored"));
  Write(root_ / "mesh.yaml", "connectTimeout: 1s\n");
  options_.paths = {(dir_ / "a.yaml").string()};
  options_.mesh_config = (root_ / "mesh.yaml").string();
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(InForce(), "a=v1");
  EXPECT_EQ(store_.Current()->mesh_config().connect_timeout().seconds(), 1);
  EXPECT_EQ(store_.Current()->mesh_config().root_namespace(), "istio-system");
  Replace(dir_ / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2");
  Write(root_ / "mesh.yaml", "connectTimeout: 2s\n");
  Wait([&] { return store_.Current()->mesh_config().connect_timeout().seconds() == 2; });
  EXPECT_EQ(store_.Current()->mesh_config().connect_timeout().seconds(), 2);
}

TEST_F(DirectorySourceTest, ABrokenEditKeepsTheLastGoodVersionAndIsReportedOnce) {
  Write(dir_ / "a.yaml", Namespace("a") + "---\n" + Namespace("b"));
  ASSERT_TRUE(Start().ok());
  Replace(dir_ / "a.yaml", Namespace("a", "v2") + "---\n" + Namespace("b", "7"));
  EXPECT_EQ(WaitFor("a=v2 b=v1"), "a=v2 b=v1") << "the other object of the file goes on";
  const std::string error =
      (dir_ / "a.yaml").string() +
      ":11:21: Namespace b metadata.labels.version: a string is wanted, this is the number 7 to "
      "YAML; put it in quotes: \"7\"";
  EXPECT_THAT(Errors(), ElementsAre(error));
  // Read again with the same error, as the file has a new stamp.
  Replace(dir_ / "a.yaml", Namespace("a", "v3") + "---\n" + Namespace("b", "7"));
  EXPECT_EQ(WaitFor("a=v3 b=v1"), "a=v3 b=v1");
  EXPECT_THAT(Errors(), ElementsAre(error));
  Replace(dir_ / "a.yaml", Namespace("a", "v3") + "---\n" + Namespace("b", "v4"));
  EXPECT_EQ(WaitFor("a=v3 b=v4"), "a=v3 b=v4");
}

TEST_F(DirectorySourceTest, AFileThatDoesNotParseLosesNothing) {
  Write(dir_ / "a.yaml", Namespace("a") + "---\n" + Namespace("b"));
  ASSERT_TRUE(Start().ok());
  Replace(dir_ / "a.yaml", Namespace("a", "v2") + "---\n[broken\n");
  EXPECT_EQ(WaitFor("a=v2 b=v1"), "a=v2 b=v1");
  EXPECT_THAT(Errors(), ElementsAre(HasSubstr("a.yaml:8:1: did not find expected ',' or ']'")));
  Replace(dir_ / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2") << "a readable file that no longer has it";
}

TEST_F(DirectorySourceTest, AFileThatIsBeingWrittenIsLeftAlone) {
  Write(dir_ / "a.yaml", Namespace("a"));
  ASSERT_TRUE(Start().ok());
  std::ofstream out(dir_ / "a.yaml", std::ios::binary | std::ios::trunc);
  out << "# half of it\n" << std::flush;
  // Makes the source look at everything.
  fs::create_directory(dir_ / "new");
  Write(dir_ / "new" / "b.yaml", Namespace("b"));
  EXPECT_EQ(WaitFor("a=v1 b=v1"), "a=v1 b=v1");
  out << Namespace("a", "v2") << std::flush;
  out.close();
  EXPECT_EQ(WaitFor("a=v2 b=v1"), "a=v2 b=v1");
}

TEST_F(DirectorySourceTest, APathThatVanishesKeepsWhatItHeld) {
  Write(dir_ / "a.yaml", Namespace("a"));
  ASSERT_TRUE(Start().ok());
  fs::rename(dir_, root_ / "away");
  Wait([&] { return !errors_.empty(); });
  EXPECT_THAT(Errors(), ElementsAre(dir_.string() +
                                    ": cannot be read: No such file or directory; what it held "
                                    "before stays in force"));
  EXPECT_EQ(InForce(), "a=v1");
  fs::create_directory(root_ / "again");
  Write(root_ / "again" / "b.yaml", Namespace("b"));
  fs::rename(root_ / "again", dir_);
  EXPECT_EQ(WaitFor("b=v1"), "b=v1");
}

TEST_F(DirectorySourceTest, AFileThatCannotBeReadLosesNothing) {
  const BoundByPermissions bound;
  Write(dir_ / "a.yaml", Namespace("a"));
  ASSERT_TRUE(Start().ok());
  fs::permissions(dir_ / "a.yaml", fs::perms::none);
  Wait([&] { return !errors_.empty(); });
  EXPECT_THAT(Errors(), ElementsAre(HasSubstr("cannot be opened: Permission denied")));
  EXPECT_EQ(InForce(), "a=v1");
}

TEST_F(DirectorySourceTest, AFileThatIsTooLargeLosesNothing) {
  Write(dir_ / "a.yaml", Namespace("a"));
  options_.read.max_bytes = 1000;
  ASSERT_TRUE(Start().ok());
  Replace(dir_ / "a.yaml", std::string(1001, '#'));
  Wait([&] { return !errors_.empty(); });
  EXPECT_THAT(Errors(), ElementsAre((dir_ / "a.yaml").string() +
                                    ": has 1001 bytes, at most 1000 are read; what it held before "
                                    "stays in force"));
  EXPECT_EQ(InForce(), "a=v1");
}

TEST_F(DirectorySourceTest, AFileThatWasCutOffLosesNothing) {
  const std::string whole = Namespace("a") + "---\n" + Namespace("b");
  Write(dir_ / "a.yaml", whole);
  ASSERT_TRUE(Start().ok());
  Write(dir_ / "a.yaml", "");
  Wait([&] { return errors_.size() == 1; });
  Replace(dir_ / "a.yaml", whole.substr(0, whole.size() - 3));
  Wait([&] { return errors_.size() == 2; });
  const std::string file = (dir_ / "a.yaml").string();
  const std::string kept = "; what it held before stays in force";
  EXPECT_THAT(
      Errors(),
      ElementsAre(file +
                      ": is empty, as a full disk or a writer that was killed leaves it; delete it "
                      "where its objects are to go" +
                      kept,
                  file +
                      ": ends in the middle of a line, as a file that was cut off; end it with a "
                      "line feed where it is whole" +
                      kept));
  EXPECT_EQ(InForce(), "a=v1 b=v1");
  Write(dir_ / "a.yaml", Namespace("a", "v2"));
  EXPECT_EQ(WaitFor("a=v2"), "a=v2") << "shorter, and whole";
  fs::remove(dir_ / "a.yaml");
  EXPECT_EQ(WaitFor(""), "");
  EXPECT_EQ(Errors().size(), 2u);
}

// A real one: a file system of 16 KiB.
TEST_F(DirectorySourceTest, AFullDiskLosesNothing) {
  if (::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=16k,mode=700") != 0) {
    GTEST_SKIP() << "a file system cannot be mounted here: " << std::strerror(errno);
  }
  const std::string whole = Namespace("a") + "---\n" + Namespace("b");
  Write(dir_ / "a.yaml", whole);
  EXPECT_TRUE(Start().ok());
  Write(dir_ / "filling", std::string(100000, 'x'));
  {
    std::ofstream out(dir_ / "a.yaml", std::ios::binary | std::ios::trunc);
    out << Namespace("a", "v2") << std::string(100000, '#') << std::flush;
    EXPECT_FALSE(out.good());
  }
  Wait([&] { return !errors_.empty(); });
  EXPECT_THAT(Errors(), ElementsAre(HasSubstr("; what it held before stays in force")));
  EXPECT_EQ(InForce(), "a=v1 b=v1");
  fs::remove(dir_ / "filling");
  Write(dir_ / "a.yaml", Namespace("a", "v3"));
  EXPECT_EQ(WaitFor("a=v3"), "a=v3");
  source_->Stop();
  EXPECT_EQ(::umount2(dir_.c_str(), MNT_DETACH), 0);
}

TEST_F(DirectorySourceTest, ManyFilesAtOnceAreAllSeen) {
  ASSERT_TRUE(Start().ok());
  std::string all;
  for (int i = 100; i < 400; ++i) {
    Write(dir_ / absl::StrCat(i, ".yaml"), Namespace(absl::StrCat("n", i)));
    absl::StrAppend(&all, all.empty() ? "" : " ", "n", i, "=v1");
  }
  EXPECT_EQ(WaitFor(all), all);
}

TEST_F(DirectorySourceTest, StartSaysWhatCannotBeRead) {
  options_.paths = {(root_ / "nowhere").string()};
  EXPECT_EQ(Start().ToString(), absl::StrCat("NOT_FOUND: ", (root_ / "nowhere").string(),
                                             ": cannot be read: No such file or directory"));
  EXPECT_EQ(updates_, 0);
}

TEST_F(DirectorySourceTest, StopsWithoutAChangeAndMoreThanOnce) {
  ASSERT_TRUE(Start().ok());
  source_->Stop();
  source_->Stop();
  Write(dir_ / "a.yaml", Namespace("a"));
  EXPECT_EQ(InForce(), "");
  EXPECT_EQ(updates_, 1);
}

TEST(ReadFiles, ReadsOnceInPathOrder) {
  std::string name = ::testing::TempDir() + "/source.XXXXXX";
  const fs::path root = ::mkdtemp(name.data());
  Write(root / "b.yaml", Namespace("b"));
  Write(root / "a.yaml", Namespace("a"));
  DirectorySourceOptions options;
  options.paths = {root.string(), (root / "nowhere").string()};
  const SourceUpdate update = ReadFiles(options);
  ASSERT_EQ(update.units.size(), 3);
  EXPECT_EQ(update.units[0].name, (root / "a.yaml").string());
  EXPECT_EQ(update.units[1].name, (root / "b.yaml").string());
  EXPECT_EQ(update.units[1].content.resources.size(), 1);
  EXPECT_EQ(update.units[2].state, config::Unit::State::kUnreadable);
  fs::remove_all(root);
}

}  // namespace
}  // namespace mesh::source
