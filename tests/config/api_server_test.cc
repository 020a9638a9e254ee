// `meshctl crds` in front of a real API server: it takes the definitions, and its verdict on an
// object is our reader's. Where the two differ is in the table below and in docs/differences.md.
#include "tests/config/api_server.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/ctl/crd_schema.h"
#include "mesh/ctl/crds.h"
#include "mesh/local/files.h"
#include "tests/ca/peer.h"
#include "tests/config/probes.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Where one of the two takes what the other one refuses, and why it stays so. docs/differences.md
// has the same in words.
struct Known {
  const char* what;
  const char* taken_by;
  const char* why;
};

// What the two say of all objects so far.
struct Agreement {
  size_t taken = 0;
  size_t refused = 0;
  // The server refuses for a field that is missing alone, the reader takes it, validation refuses.
  size_t missing = 0;
  struct Difference {
    size_t count = 0;
    std::string first;
  };
  // By what it is about, and who takes it.
  std::map<std::pair<std::string, std::string>, Difference> differences;

  size_t different() const {
    size_t sum = 0;
    for (const auto& [what, difference] : differences) sum += difference.count;
    return sum;
  }
};

class ApiServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const absl::StatusOr<std::string> binary = FindPeer("api_server_peer");
    if (!binary.ok()) {
      reason_ = new std::string(binary.status().message());
      return;
    }
    server_ = new ApiServer(*binary);
    if (!server_->Connect()) {
      reason_ = new std::string("the API server does not start");
      return;
    }
    std::istringstream in;
    std::ostringstream out, err;
    ASSERT_EQ(ctl::Run({ctl::AddCrds}, {"crds", "-o", "json"}, in, out, err), ctl::kFine);
    definitions_ = new Json(Json::array());
    const Json list = Json::parse(out.str());
    for (const Json& definition : list["items"]) {
      definitions_->push_back(server_->Define(definition));
    }
  }
  static void TearDownTestSuite() {
    delete server_;
    delete definitions_;
    delete reason_;
    server_ = nullptr;
    definitions_ = nullptr;
    reason_ = nullptr;
  }
  void SetUp() override {
    if (reason_ == nullptr) return;
    if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << *reason_;
    GTEST_SKIP() << *reason_;
  }

  // Has both judge an object and notes what they say. `object` is JSON or YAML, one document.
  // False: it is no object of a kind that the server knows.
  static bool Compare(const std::string& what, const std::string& object, Agreement* agreement) {
    const config::ReadResult read = config::ReadYaml("object", object);
    if (read.objects.size() != 1) return false;
    const config::ReadObject& one = read.objects[0];
    const size_t slash = one.api_version.find('/');
    if (slash == std::string::npos) return false;
    const auto kind =
        config::FindKind(std::string_view(one.api_version).substr(0, slash), one.kind);
    if (!kind.has_value() || !config::InfoOf(*kind).istio) return false;
    const ServerVerdict verdict = server_->Judge(
        config::InfoOf(*kind), std::string_view(one.api_version).substr(slash + 1), one.ns, object);
    const bool reads = read.errors.empty();
    if (reads && verdict.accepts()) {
      ++agreement->taken;
    } else if (!reads && !verdict.accepts() && !verdict.only_missing) {
      ++agreement->refused;
    } else if (reads && verdict.only_missing && !config::ValidateResource(*one.resource).empty()) {
      ++agreement->missing;
    } else {
      Agreement::Difference& difference =
          agreement->differences[{what, reads ? "reader" : "server"}];
      if (++difference.count == 1) {
        difference.first = absl::StrCat(
            object, "\nread: ", reads ? "taken" : read.errors[0].ToString(), "\nserver: ",
            verdict.accepts() ? "taken" : absl::StrCat(verdict.status, " ", verdict.message));
      }
    }
    return true;
  }

  // Prints the counts and holds the differences to those that are known.
  static void Check(const std::string& of, const Agreement& agreement,
                    const std::vector<Known>& known) {
    std::cout << of << ": " << agreement.taken << " taken by both, " << agreement.refused
              << " refused by both, " << agreement.missing
              << " refused by the server and by validation for a missing field, "
              << agreement.different() << " differences of " << known.size() << " known kinds\n";
    std::set<std::pair<std::string, std::string>> expected;
    for (const Known& one : known) {
      expected.insert({one.what, one.taken_by});
      const auto at = agreement.differences.find({one.what, one.taken_by});
      if (at == agreement.differences.end()) {
        ADD_FAILURE() << "no difference any more: " << one.what << ", taken by the "
                      << one.taken_by;
        continue;
      }
      std::cout << "  " << at->second.count << " taken by the " << one.taken_by
                << " alone: " << one.what << " (" << one.why << ")\n";
    }
    size_t said = 0;
    for (const auto& [which, difference] : agreement.differences) {
      if (expected.count(which) != 0 || ++said > 20) continue;
      ADD_FAILURE() << difference.count << " differences: " << which.first << "\n"
                    << difference.first;
    }
  }

  static std::string Object(const config::KindInfo& kind, std::string_view version,
                            const std::string& spec) {
    return absl::StrCat("{\"apiVersion\":\"", Absl(kind.group), "/", Absl(version),
                        "\",\"kind\":\"", Absl(kind.name),
                        "\",\"metadata\":{\"name\":\"a\"},\"spec\":", spec, "}");
  }

  // Of "istio.networking.v1alpha3.Gateway"; none where a message is no kind.
  static std::optional<config::Kind> KindOfType(const std::string& type) {
    const std::vector<std::string> parts = absl::StrSplit(type, '.');
    if (parts.size() != 4) return std::nullopt;
    return config::FindKind(parts[1] + ".istio.io", parts[3]);
  }

  static ApiServer* server_;
  static Json* definitions_;  // as the server has them
  static std::string* reason_;
};

// A spec that the schema of its kind takes, and the shorter the better.
const char* SmallestSpec(config::Kind kind) {
  switch (kind) {
    case config::Kind::kDestinationRule:
      return R"({"host":"a"})";
    case config::Kind::kGateway:
      return R"({"servers":[{"port":{"number":80,"protocol":"HTTP","name":"http"},"hosts":["*"]}]})";
    case config::Kind::kServiceEntry:
      return R"({"hosts":["a.example"]})";
    case config::Kind::kSidecar:
      return R"({"egress":[{"hosts":["./*"]}]})";
    case config::Kind::kVirtualService:
      return R"({"hosts":["a"],"http":[{"route":[{"destination":{"host":"a"}}]}]})";
    case config::Kind::kWorkloadEntry:
      return R"({"address":"10.0.0.1"})";
    case config::Kind::kWorkloadGroup:
      return R"({"template":{"serviceAccount":"a"}})";
    default:
      return "{}";
  }
}

ApiServer* ApiServerTest::server_ = nullptr;
Json* ApiServerTest::definitions_ = nullptr;
std::string* ApiServerTest::reason_ = nullptr;

TEST_F(ApiServerTest, TakesEveryDefinition) {
  ASSERT_EQ(definitions_->size(), ctl::CustomKinds().size());
  for (const Json& definition : *definitions_) {
    SCOPED_TRACE(definition["metadata"]["name"]);
    std::map<std::string, std::string> conditions;
    for (const Json& condition : definition["status"]["conditions"]) {
      conditions[condition["type"]] = condition["status"];
    }
    // Above all no NonStructuralSchema.
    EXPECT_THAT(conditions,
                UnorderedElementsAre(Pair("Established", "True"), Pair("NamesAccepted", "True")));
    EXPECT_EQ(definition["status"]["acceptedNames"], definition["spec"]["names"]);
  }
}

TEST_F(ApiServerTest, ServesEveryVersionOfOneObject) {
  for (config::Kind kind : ctl::CustomKinds()) {
    const config::KindInfo& info = config::InfoOf(kind);
    SCOPED_TRACE(info.name);
    for (std::string_view version : info.versions) {
      const Json resources =
          server_->Ask("GET", absl::StrCat("/apis/", Absl(info.group), "/", Absl(version)))
              .body["resources"];
      std::set<std::string> names;
      for (const Json& resource : resources) names.insert(resource["name"]);
      EXPECT_EQ(names.count(std::string(info.plural)), 1) << resources.dump();
      EXPECT_EQ(names.count(absl::StrCat(Absl(info.plural), "/status")), 1) << resources.dump();
    }
    // One that the schemas take without more.
    const nlohmann::json spec = nlohmann::json::parse(SmallestSpec(kind));
    int number = 0;
    for (std::string_view stored : info.versions) {
      const std::string name = absl::StrCat("of-", ++number);
      Json object = Json::parse(Object(info, stored, spec.dump()));
      object["metadata"]["name"] = name;
      const ApiServer::Answer created =
          server_->Ask("POST", ApiServer::PathOf(info, stored, "default"), object.dump());
      ASSERT_EQ(created.status, 201) << created.body.dump();
      for (std::string_view asked : info.versions) {
        const std::string path = absl::StrCat(ApiServer::PathOf(info, asked, "default"), "/", name);
        const ApiServer::Answer read = server_->Ask("GET", path);
        EXPECT_EQ(read.status, 200) << path;
        EXPECT_EQ(nlohmann::json(read.body["spec"]), spec);
        EXPECT_EQ(read.body["apiVersion"], absl::StrCat(Absl(info.group), "/", Absl(asked)));
        // What it gives is read again, with all that a server adds.
        EXPECT_THAT(config::ReadYaml("got", read.body.dump()).errors, IsEmpty());
      }
      const ApiServer::Answer patched = server_->Ask(
          "PATCH", absl::StrCat(ApiServer::PathOf(info, stored, "default"), "/", name, "/status"),
          R"({"status":{"conditions":[{"type":"Reconciled","status":"True"}],"observedGeneration":"3"}})");
      EXPECT_EQ(patched.status, 200) << patched.body.dump();
      EXPECT_EQ(patched.body["status"]["observedGeneration"], "3");
      EXPECT_EQ(nlohmann::json(patched.body["spec"]), spec);
    }
  }
}

// `kubectl get`: what a line says, and by which other names a kind goes.
TEST_F(ApiServerTest, ShowsWhatAUserLooksFor) {
  const struct {
    config::Kind kind;
    std::vector<std::string> short_names;
    std::vector<std::string> columns;
    const char* spec;
    std::vector<std::string> cells;  // but for the age
  } rows[] = {
      {config::Kind::kVirtualService,
       {"vs"},
       {"Name", "Gateways", "Hosts", "Age"},
       R"({"hosts":["a"],"gateways":["g"],"tcp":[{"route":[{"destination":{"host":"a"}}]}]})",
       {"shown", R"(["g"])", R"(["a"])"}},
      {config::Kind::kDestinationRule,
       {"dr"},
       {"Name", "Host", "Age"},
       R"({"host":"a"})",
       {"shown", "a"}},
      {config::Kind::kServiceEntry,
       {"se"},
       {"Name", "Hosts", "Location", "Resolution", "Age"},
       R"({"hosts":["a.example"],"location":"MESH_INTERNAL","resolution":"STATIC"})",
       {"shown", R"(["a.example"])", "MESH_INTERNAL", "STATIC"}},
      {config::Kind::kWorkloadEntry,
       {"we"},
       {"Name", "Address", "Age"},
       R"({"address":"10.0.0.1"})",
       {"shown", "10.0.0.1"}},
      {config::Kind::kPeerAuthentication,
       {"pa"},
       {"Name", "Mode", "Age"},
       R"({"mtls":{"mode":"STRICT"}})",
       {"shown", "STRICT"}},
      {config::Kind::kAuthorizationPolicy,
       {"ap"},
       {"Name", "Action", "Age"},
       R"({"action":"DENY"})",
       {"shown", "DENY"}},
      {config::Kind::kEnvoyFilter, {}, {"Name", "Age"}, "{}", {"shown"}},
  };
  for (const auto& row : rows) {
    const config::KindInfo& info = config::InfoOf(row.kind);
    SCOPED_TRACE(info.name);
    Json object = Json::parse(Object(info, info.versions[0], row.spec));
    object["metadata"]["name"] = "shown";
    const std::string path = ApiServer::PathOf(info, info.versions[0], "default");
    ASSERT_EQ(server_->Ask("POST", path, object.dump()).status, 201);
    const Json table =
        server_->Ask("GET", path + "/shown", "", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body;
    std::vector<std::string> columns;
    for (const Json& column : table["columnDefinitions"]) columns.push_back(column["name"]);
    EXPECT_EQ(columns, row.columns);
    std::vector<std::string> cells = table["rows"][0]["cells"].get<std::vector<std::string>>();
    cells.pop_back();
    EXPECT_EQ(cells, row.cells);

    const Json resources =
        server_->Ask("GET", absl::StrCat("/apis/", Absl(info.group), "/", Absl(info.versions[0])))
            .body["resources"];
    for (const Json& resource : resources) {
      if (resource["name"] != std::string(info.plural)) continue;
      EXPECT_EQ(resource.value("shortNames", std::vector<std::string>()), row.short_names);
      EXPECT_EQ(
          resource["categories"],
          Json::array({"istio-io", absl::StrCat(Absl(info.group.substr(0, info.group.find('.'))),
                                                "-istio-io")}));
    }
  }
}

// `kubectl explain`: the server hands out what the definitions say of fields.
TEST_F(ApiServerTest, ExplainsFields) {
  // It is made ready some time after the kind is served.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  Json schema;
  do {
    const Json schemas = server_->Ask("GET", "/openapi/v3/apis/networking.istio.io/v1")
                             .body.value("components", Json::object())
                             .value("schemas", Json::object());
    schema = schemas.value("io.istio.networking.v1.VirtualService", Json());
  } while (schema.is_null() && std::chrono::steady_clock::now() < deadline);
  ASSERT_FALSE(schema.is_null());
  EXPECT_EQ(schema["description"], "Rules for hosts, at gateways and in the mesh.");
  EXPECT_EQ(schema["properties"]["spec"]["properties"]["http"]["items"]["properties"]["timeout"]
                  ["description"],
            "Absent or 0: none.");
}

TEST_F(ApiServerTest, EveryFieldOfEveryKind) {
  Agreement all;
  for (config::Kind kind : ctl::CustomKinds()) {
    const config::KindInfo& info = config::InfoOf(kind);
    for (const Probe& probe : ProbesOf(info)) {
      ASSERT_TRUE(Compare(probe.what, Object(info, info.versions.back(), probe.spec), &all))
          << probe.spec;
    }
  }
  Check("every field", all,
        {{"the name that a field has in the .proto", "reader",
          "a schema has one name for a field, and an unknown one is refused"},
         {"a number of an enum", "reader", "a schema lists names, as Istio's does"},
         {"a number of all 64 bits", "reader",
          "beyond 2^63 the server makes a fraction of it; in quotes it is taken"},
         {"a number of more than 64 bits in quotes", "server", "a pattern counts digits"},
         {"a duration that is too long", "server", "292 years; a pattern does not add"},
         {"null for a message in a map", "server", "which drops the key"}});
}

TEST_F(ApiServerTest, DamagedResources) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with validation_mutants";
  std::ifstream in(absl::StrCat(shared, "/conformance/validation_mutants/cases.jsonl"));
  ASSERT_TRUE(in.good());
  Agreement all;
  size_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const Json c = Json::parse(line, nullptr, false);
    ASSERT_TRUE(c.is_object()) << line;
    const auto kind = KindOfType(c["type"]);
    ASSERT_TRUE(kind.has_value()) << c["type"];
    const config::KindInfo& info = config::InfoOf(*kind);
    Compare(absl::StrCat("case ", c["id"].dump()), Object(info, info.versions[0], c["spec"].dump()),
            &all);
  }
  Check("damaged resources", all, {});
  EXPECT_EQ(all.taken + all.refused + all.missing, lines);
}

TEST_F(ApiServerTest, IstiosOwnCases) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with validation";
  std::ifstream in(absl::StrCat(shared, "/conformance/validation/cases.json"));
  ASSERT_TRUE(in.good());
  Agreement all;
  const Json cases = Json::parse(in);
  for (const Json& c : cases) {
    for (size_t i = 0; i < c["types"].size(); ++i) {
      const auto kind = KindOfType(c["types"][i]);
      if (!kind.has_value()) continue;
      const config::KindInfo& info = config::InfoOf(*kind);
      Compare(c["case"], Object(info, info.versions[0], c["args"][i].dump()), &all);
    }
  }
  Check("Istio's cases", all, {});
  EXPECT_GT(all.taken, 100);
}

// As they stand in files: the server reads the same YAML.
TEST_F(ApiServerTest, FilesAndExamples) {
  std::vector<std::string> texts;
  std::vector<std::string> folders = {"examples"};
  if (const char* shared = std::getenv("MESH_SHARED")) {
    folders.push_back(absl::StrCat(shared, "/data/bookinfo"));
  }
  for (const std::string& folder : folders) {
    const auto files = local::ListYamlFiles(folder);
    ASSERT_TRUE(files.ok()) << files.status();
    for (const std::string& file : *files) texts.push_back(local::ReadFile(file).value());
  }
  size_t pages = 0;
  for (const auto& file : std::filesystem::directory_iterator("docs/findings")) {
    if (file.path().extension() != ".md") continue;
    ++pages;
    const std::string page = local::ReadFile(file.path()).value();
    for (size_t end = 0, at; (at = page.find("```yaml\n", end)) != std::string::npos;) {
      end = page.find("\n```", at);
      ASSERT_NE(end, std::string::npos) << file.path();
      texts.push_back(page.substr(at + 8, end - at - 7));
      end += 4;
    }
  }
  EXPECT_GT(pages, 50);
  Agreement all;
  for (const std::string& text : texts) {
    for (absl::string_view document : absl::StrSplit(absl::StrCat("\n", text), "\n---")) {
      Compare("a file", std::string(document), &all);
    }
  }
  Check("files and examples", all, {});
  EXPECT_GT(all.taken, 100);
}

// What is around a spec, and what is YAML's.
TEST_F(ApiServerTest, Documents) {
  const std::string head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n";
  const std::string named = head + "metadata: {name: a}\n";
  const std::string spec =
      "spec:\n  hosts: [a]\n  http:\n  - &rule\n    timeout: 5s\n    route:\n"
      "    - destination: {host: a}\n";
  const auto exact = [&](const std::string& value) {
    return named + spec + "    match: [{uri: {exact: " + value + "}}]\n";
  };
  const auto port = [&](const std::string& value) {
    return named + spec + "    match: [{port: " + value + "}]\n";
  };
  const auto label = [&](const std::string& key) {
    return named + spec + "    match: [{sourceLabels: {" + key + ": v}}]\n";
  };
  const auto meta = [&](const std::string& metadata) {
    return head + "metadata: {" + metadata + "}\n" + spec;
  };
  Agreement all;
  const auto compare = [&all](const std::string& what, const std::string& object) {
    EXPECT_TRUE(Compare(what, object, &all)) << object;
  };
  for (const char* value : {"y",           "n",
                            "on",          "yes",
                            "true",        "Off",
                            "TRUE",        "010",
                            "08",          "1_000",
                            "0x1f",        "0o7",
                            "0b11",        "1e3",
                            "e3",          "1.",
                            ".5",          ".inf",
                            ".nan",        "~",
                            "null",        "NULL",
                            "1:30",        "=",
                            "-",           "2020-01-01",
                            "+1",          "'y'",
                            "\"5\"",       "!!str 5",
                            "!!int \"5\"", "[a]",
                            "{a: b}",      "12345678901234567890"}) {
    compare(absl::StrCat("the string ", value), exact(value));
  }
  for (const char* value : {"5", "05", "010", "09", "0x5", "5.0", "5e1", "1_0", "\"5\"", "+5", "-0",
                            "0b101", "0o5", "1:30", "5.", "~"}) {
    compare(absl::StrCat("the number ", value), port(value));
  }
  for (const char* key : {"true", "5", "\"on\"", "!!str on", "app", "2020-01-01"}) {
    compare(absl::StrCat("the key ", key), label(key));
  }
  for (const char* key : {"y", "on", "010", "0x1f", "1.5", "1e3", "1_0", ".inf", "yes"}) {
    compare("a bare key that is no string to YAML", label(key));
  }
  compare("an alias", named + spec + "  - *rule\n");
  compare("a key that a merge brings too", named + spec + "  - <<: *rule\n    timeout: 6s\n");
  compare("a merge", named + spec + "  - <<: *rule\n    name: second\n");
  compare("a key given twice", named + spec + "    timeout: 6s\n");
  compare("a byte order mark", "\xEF\xBB\xBF" + named + spec);

  compare("a status", named + spec + "status: {observedGeneration: 3}\n");
  compare("a field beside the spec", named + spec + "sepc: {}\n");
  for (config::Kind kind : ctl::CustomKinds()) {
    const config::KindInfo& info = config::InfoOf(kind);
    compare("a null for a spec", Object(info, info.versions[0], "null"));
    Json object = Json::parse(Object(info, info.versions[0], "{}"));
    compare("an empty spec", object.dump());
    object.erase("spec");
    compare("no spec", object.dump());
  }
  compare("a list for a spec", named + "spec: []\n");
  compare("no metadata", head + spec);
  compare("no name", meta("labels: {app: a}"));
  compare("a generated name", meta("generateName: a-"));
  compare("a number for a name", meta("name: 5"));
  compare("a list for labels", meta("name: a, labels: [a]"));
  compare("a number for a label", meta("name: a, labels: {app: 5}"));
  compare("a null for a label", meta("name: a, labels: {app: }"));
  compare("a number for an annotation", meta("name: a, annotations: {app: 5}"));
  compare("an unknown field of metadata", meta("name: a, lables: {app: a}"));
  compare("all of metadata",
          meta("name: a, namespace: default, labels: {app.kubernetes.io/name: a, empty: ''}, "
               "annotations: {note: 'all of it, 100 %'}, creationTimestamp: null, generation: 1, "
               "uid: x, finalizers: [a/b], ownerReferences: [], managedFields: []"));
  // What reading leaves to validation, which has to agree with the server.
  for (const char* metadata :
       {"name: A", "name: a_b", "name: a.b", "name: -a", "name: a, labels: {app: b c}",
        "name: a, labels: {a b: c}", "name: a, labels: {a/b/c: c}", "name: a, labels: {/b: c}",
        "name: a, labels: {app: b-}", "name: a, annotations: {a b: c}",
        "name: a, annotations: {a/b: c d}"}) {
    SCOPED_TRACE(metadata);
    const std::string object = meta(metadata);
    const config::ReadResult read = config::ReadYaml("object", object);
    ASSERT_EQ(read.resources.size(), 1);
    const bool valid = config::ValidateResource(*read.resources[0]).empty();
    const ServerVerdict verdict =
        server_->Judge(config::InfoOf(config::Kind::kVirtualService), "v1", "default", object);
    EXPECT_EQ(valid, verdict.accepts()) << verdict.message;
    ++(valid ? all.taken : all.refused);
  }
  Check("documents", all,
        {{"a bare key that is no string to YAML", "server",
          "which takes `on` for \"true\": nobody means that"},
         {"a generated name", "server", "a file's object needs a name that stays"},
         {"a key that a merge brings too", "reader",
          "the server's strict YAML takes it for a key given twice; kubectl resolves it before"}});
}

}  // namespace
}  // namespace mesh
