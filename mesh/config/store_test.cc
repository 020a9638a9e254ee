#include "mesh/config/store.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/gateway.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/fake_source.h"
#include "mesh/config/mesh_config.h"

namespace mesh::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Namespace(const std::string& name, const std::string& version = "v1") {
  return absl::StrCat("---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ", name,
                      "\n  labels: {version: ", version, "}\n");
}

std::string ChangeText(const Change& change) {
  const char* const types[] = {"added", "updated", "removed", "moved"};
  return absl::StrCat(types[static_cast<int>(change.type)], " ", change.key.name);
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : StoreTest(Store::Options{[](const Resource&) { return std::vector<FieldError>(); }}) {}
  explicit StoreTest(Store::Options options) : store_(std::move(options)) {
    EXPECT_TRUE(
        source_.Start([this](SourceUpdate update) { last_ = store_.Apply(std::move(update)); })
            .ok());
  }

  std::string InForce() const {
    std::string text;
    for (const ResourcePtr& r : store_.Current()->List(Kind::kNamespace)) {
      absl::StrAppend(&text, text.empty() ? "" : " ", r->name(), "=",
                      r->metadata().labels.at("version"));
    }
    return text;
  }
  std::vector<std::string> Changes() const {
    std::vector<std::string> texts;
    for (const Change& change : last_.changes) texts.push_back(ChangeText(change));
    return texts;
  }
  std::vector<std::string> NewErrors() const {
    std::vector<std::string> texts;
    for (const FieldError& error : last_.new_errors) texts.push_back(error.ToString());
    return texts;
  }

  Store store_;
  FakeSource source_;
  ApplyResult last_;
};

TEST_F(StoreTest, TellsWhatChanged) {
  source_.Set("f", Namespace("a") + Namespace("b"));
  EXPECT_THAT(Changes(), ElementsAre("added a", "added b"));
  EXPECT_EQ(last_.snapshot->generation(), 1);
  source_.Set("f", Namespace("a", "v2") + Namespace("b"));
  EXPECT_THAT(Changes(), ElementsAre("updated a"));
  EXPECT_EQ(last_.changes[0].before->metadata().labels.at("version"), "v1");
  EXPECT_EQ(last_.changes[0].after->metadata().labels.at("version"), "v2");
  source_.Set("f", "# a line more\n" + Namespace("a", "v2") + Namespace("b"));
  EXPECT_THAT(Changes(), ElementsAre("moved a", "moved b"));
  EXPECT_EQ(last_.snapshot->Find(Kind::kNamespace, "", "a")->position().ToString(), "f:3:1");
  source_.Set("f", "# a line more\n" + Namespace("a", "v2"));
  EXPECT_THAT(Changes(), ElementsAre("removed b"));
  source_.Set("f", "# a line more\n" + Namespace("a", "v2"));
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_EQ(last_.snapshot->generation(), 4);
  source_.Remove("f");
  EXPECT_THAT(Changes(), ElementsAre("removed a"));
  EXPECT_EQ(InForce(), "");
}

TEST_F(StoreTest, SnapshotsNeverChangeAndShareWhatDidNot) {
  source_.Set("f", Namespace("a") + Namespace("b"));
  source_.Set("g", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: shop}\n");
  const SnapshotPtr before = store_.Current();
  source_.Set("f", Namespace("a", "v2") + Namespace("b"));
  const SnapshotPtr after = store_.Current();
  EXPECT_EQ(before->Find(Kind::kNamespace, "", "a")->metadata().labels.at("version"), "v1");
  EXPECT_EQ(after->Find(Kind::kNamespace, "", "a")->metadata().labels.at("version"), "v2");
  EXPECT_EQ(before->Find(Kind::kNamespace, "", "b"), after->Find(Kind::kNamespace, "", "b"));
  EXPECT_EQ(before->List(Kind::kServiceAccount).data(), after->List(Kind::kServiceAccount).data());
  EXPECT_NE(before->List(Kind::kNamespace).data(), after->List(Kind::kNamespace).data());
}

TEST_F(StoreTest, ABrokenObjectKeepsItsLastGoodVersion) {
  source_.Set("f", Namespace("a") + Namespace("b"));
  source_.Set("f", Namespace("a", "7") + Namespace("b", "v2"));
  EXPECT_EQ(InForce(), "a=v1 b=v2");
  EXPECT_THAT(NewErrors(),
              ElementsAre("f:6:21: Namespace a metadata.labels.version: a string is wanted, this "
                          "is the number 7 to YAML; put it in quotes: \"7\""));
  source_.Set("f", Namespace("a", "7") + Namespace("b", "v2"));
  EXPECT_THAT(NewErrors(), IsEmpty()) << "said before";
  EXPECT_EQ(store_.Errors().size(), 1);
  source_.Set("f", Namespace("a", "v3") + Namespace("b", "v2"));
  EXPECT_EQ(InForce(), "a=v3 b=v2");
  EXPECT_THAT(store_.Errors(), IsEmpty());
  source_.Set("f", Namespace("a", "7") + Namespace("b", "v2"));
  EXPECT_EQ(NewErrors().size(), 1) << "it had gone and is back";
  EXPECT_EQ(InForce(), "a=v3 b=v2");
}

TEST_F(StoreTest, AnObjectThatWasNeverGoodIsNotThere) {
  source_.Set("f", Namespace("a", "7") + Namespace("b"));
  EXPECT_EQ(InForce(), "b=v1");
  source_.Set("f", Namespace("b"));
  EXPECT_EQ(InForce(), "b=v1");
  EXPECT_THAT(store_.Errors(), IsEmpty());
}

TEST_F(StoreTest, AUnitThatDoesNotParseKeepsAllItHeld) {
  source_.Set("f", Namespace("a") + Namespace("b"));
  source_.Set("f", Namespace("a", "v2") + "---\n[\n");
  EXPECT_EQ(InForce(), "a=v2 b=v1");
  source_.Break("f", absl::PermissionDeniedError("cannot be opened: Permission denied"));
  EXPECT_EQ(InForce(), "a=v2 b=v1");
  EXPECT_THAT(NewErrors(), ElementsAre("f: cannot be opened: Permission denied; what it held "
                                       "before stays in force"));
  source_.Set("f", Namespace("a", "v3"));
  EXPECT_EQ(InForce(), "a=v3");
  EXPECT_THAT(store_.Errors(), IsEmpty());
}

TEST_F(StoreTest, OfTwoObjectsWithOneNameTheFirstInPathOrderStays) {
  source_.Set("b.yaml", Namespace("x", "from-b"));
  EXPECT_EQ(InForce(), "x=from-b");
  source_.Set("a.yaml", Namespace("x", "from-a"));
  EXPECT_EQ(InForce(), "x=from-a");
  const std::string error =
      "b.yaml:2:1: Namespace x: is also at a.yaml:2:1, which stays in force; keep one of the two "
      "or rename it";
  EXPECT_THAT(NewErrors(), ElementsAre(error));
  source_.Set("c.yaml", Namespace("x", "from-c"));
  EXPECT_THAT(NewErrors(), ElementsAre("c.yaml:2:1: Namespace x: is also at a.yaml:2:1, which "
                                       "stays in force; keep one of the two or rename it"));
  EXPECT_EQ(store_.Errors().size(), 2);
  source_.Remove("a.yaml");
  EXPECT_EQ(InForce(), "x=from-b");
  EXPECT_EQ(store_.Errors().size(), 1);
  source_.Remove("b.yaml");
  EXPECT_EQ(InForce(), "x=from-c");
  EXPECT_THAT(store_.Errors(), IsEmpty());
}

TEST_F(StoreTest, OfTwoObjectsWithOneNameInOneFileTheFirstStays) {
  source_.Set("f", Namespace("x", "first") + Namespace("x", "second"));
  EXPECT_EQ(InForce(), "x=first");
  EXPECT_THAT(NewErrors(), ElementsAre("f:8:1: Namespace x: is also at f:2:1, which stays in "
                                       "force; keep one of the two or rename it"));
}

TEST_F(StoreTest, AnObjectMovesFromFileToFile) {
  source_.Set("a", Namespace("x"));
  SourceUpdate update;
  Unit gone;
  gone.name = "a";
  gone.state = Unit::State::kGone;
  update.units.push_back(gone);
  Unit now;
  now.name = "b";
  now.content = ReadYaml("b", Namespace("x"));
  update.units.push_back(now);
  const ApplyResult result = store_.Apply(std::move(update));
  ASSERT_EQ(result.changes.size(), 1);
  EXPECT_EQ(ChangeText(result.changes[0]), "moved x");
}

TEST_F(StoreTest, KeepsSourcesApart) {
  source_.Set("f", Namespace("a"));
  SourceUpdate update;
  update.units.emplace_back();
  update.units[0].name = "f";
  update.units[0].content = ReadYaml("f", Namespace("b"));
  store_.Apply(std::move(update), "pods");
  EXPECT_EQ(InForce(), "a=v1 b=v1");
}

// A store that lives on what an earlier one kept.
class RestartedStoreTest : public ::testing::Test {
 protected:
  RestartedStoreTest() {
    FakeSource source;
    Store store(Options());
    source.Set("f", Namespace("a") + Namespace("b"));
    source.Set("g", Namespace("c"));
    EXPECT_TRUE(
        source.Start([&](SourceUpdate update) { store.Apply(std::move(update), "files"); }).ok());
    store_.Remember(store.Kept());
  }
  static Store::Options Options() {
    return {[](const Resource&) { return std::vector<FieldError>(); }};
  }
  std::string Start() {
    EXPECT_TRUE(source_
                    .Start([this](SourceUpdate update) {
                      last_ = store_.Apply(std::move(update), "files");
                    })
                    .ok());
    return InForce();
  }
  std::string InForce() const {
    std::string text;
    for (const ResourcePtr& r : store_.Current()->List(Kind::kNamespace)) {
      absl::StrAppend(&text, text.empty() ? "" : " ", r->name(), "=",
                      r->metadata().labels.at("version"));
    }
    return text;
  }

  Store store_{Options()};
  FakeSource source_;
  ApplyResult last_;
};

TEST_F(RestartedStoreTest, WhatIsBrokenNowStaysAsItWas) {
  source_.Set("f", Namespace("a", "7") + Namespace("b", "v2"));
  source_.Set("g", Namespace("c"));
  EXPECT_EQ(Start(), "a=v1 b=v2 c=v1");
  EXPECT_EQ(last_.new_errors.size(), 1);
  source_.Set("f", Namespace("a", "7") + Namespace("b", "v2"));
  EXPECT_THAT(last_.new_errors, IsEmpty()) << "said once";
  source_.Set("f", Namespace("a", "v3") + Namespace("b", "v2"));
  EXPECT_EQ(InForce(), "a=v3 b=v2 c=v1");
}

TEST_F(RestartedStoreTest, WhatIsGoneDoesNotComeBack) {
  source_.Set("f", Namespace("b"));
  EXPECT_EQ(Start(), "b=v1") << "an object, and a file with all it held";
  source_.Set("g", Namespace("c", "7"));
  EXPECT_EQ(InForce(), "b=v1") << "a file that was gone knows nothing of before";
}

TEST_F(RestartedStoreTest, AFileThatDoesNotParseKeepsAllItHeld) {
  source_.Set("f", "a: b: c\n");
  EXPECT_EQ(Start(), "a=v1 b=v1");
}

TEST_F(RestartedStoreTest, AFileThatWasCutOffKeepsAllItHeld) {
  const std::string whole = Namespace("a") + Namespace("b");
  source_.Set("f", whole.substr(0, whole.size() - 3));
  source_.Set("g", "");
  EXPECT_EQ(Start(), "a=v1 b=v1 c=v1");
  EXPECT_EQ(last_.new_errors.size(), 2);
}

TEST_F(StoreTest, HasTheMeshsSettings) {
  EXPECT_EQ(store_.Current()->mesh_config().root_namespace(), "istio-system");
  EXPECT_EQ(store_.Current()->mesh_config_resource(), nullptr);
  const auto apply = [&](const char* yaml) {
    SourceUpdate update;
    update.units.emplace_back();
    update.units[0].name = "mesh.yaml";
    update.units[0].content = ReadMeshConfig("mesh.yaml", yaml);
    return store_.Apply(std::move(update));
  };
  apply("rootNamespace: mesh\n");
  EXPECT_EQ(store_.Current()->mesh_config().root_namespace(), "mesh");
  EXPECT_EQ(store_.Current()->mesh_config_resource()->PositionOf("rootNamespace").ToString(),
            "mesh.yaml:1:1");
  EXPECT_EQ(store_.Current()->size(), 0);
  apply("rootNamespace: 5\n");
  EXPECT_EQ(store_.Current()->mesh_config().root_namespace(), "mesh") << "the last good version";
}

class ValidatingStoreTest : public StoreTest {
 protected:
  ValidatingStoreTest()
      : StoreTest(Store::Options{[](const Resource& resource) {
          std::vector<FieldError> errors;
          if (resource.metadata().labels.at("version") == "bad") {
            errors.push_back(resource.Error("metadata.labels.version", "is bad"));
          }
          return errors;
        }}) {}
};

TEST_F(ValidatingStoreTest, AnInvalidObjectKeepsItsLastGoodVersion) {
  source_.Set("f", Namespace("a"));
  source_.Set("f", Namespace("a", "bad"));
  EXPECT_EQ(InForce(), "a=v1");
  EXPECT_THAT(NewErrors(), ElementsAre("f:6:12: Namespace a metadata.labels.version: is bad"));
}

TEST(Snapshot, FindsByNamespaceAndName) {
  const istio::networking::v1alpha3::Gateway gateway;
  std::vector<ResourcePtr> resources;
  for (const char* name : {"c", "a", "b"}) {
    for (const char* ns : {"two", "one", "three"}) {
      Metadata metadata;
      metadata.name = name;
      metadata.ns = ns;
      resources.push_back(MakeResource(Kind::kGateway, metadata, gateway));
    }
  }
  const SnapshotPtr snapshot = Snapshot::Of(resources);
  EXPECT_EQ(snapshot->size(), 9);
  std::string order;
  for (const ResourcePtr& r : snapshot->List(Kind::kGateway)) {
    absl::StrAppend(&order, r->ns(), "/", r->name(), " ");
  }
  EXPECT_EQ(order, "one/a one/b one/c three/a three/b three/c two/a two/b two/c ");
  EXPECT_EQ(snapshot->List(Kind::kGateway, "three").size(), 3);
  EXPECT_EQ(snapshot->List(Kind::kGateway, "thre").size(), 0);
  EXPECT_EQ(snapshot->Find(Kind::kGateway, "two", "b")->ObjectName(), "Gateway two/b");
  EXPECT_EQ(snapshot->Find(Kind::kGateway, "two", "d"), nullptr);
  EXPECT_EQ(snapshot->Find(Kind::kSidecar, "two", "b"), nullptr);
}

}  // namespace
}  // namespace mesh::config
