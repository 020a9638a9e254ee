// Documents and files: what of them is read, whatever stands beside it, and how YAML means it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/read_testing.h"

namespace mesh::config {
namespace {

using istio::networking::v1alpha3::VirtualService;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kThree[] = R"(# three
apiVersion: v1
kind: Namespace
metadata: {name: one}
---
apiVersion: v1
kind: Namespace
metadata: {name: [two
---
# the last
apiVersion: v1
kind: Namespace
metadata: {name: three}
)";

TEST(ReadYaml, ABrokenDocumentTakesOnlyItselfDown) {
  const ReadResult read = ReadYaml("three.yaml", kThree);
  EXPECT_THAT(Names(read), ElementsAre("Namespace one", "Namespace three"));
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("three.yaml:9:1: did not find expected ',' or ']' while parsing a flow "
                          "sequence that begins at line 8"));
  EXPECT_TRUE(read.incomplete);
  ASSERT_EQ(read.objects.size(), 3);
  EXPECT_EQ(read.objects[1].kind, "");
  EXPECT_EQ(read.objects[2].position.ToString(), "three.yaml:11:1");
}

TEST(ReadYaml, CutsTheInputWhereYamlDoes) {
  struct Row {
    const char* name;
    const char* text;
    std::vector<std::string> names;
  };
  const char* const a = "{apiVersion: v1, kind: Namespace, metadata: {name: a}}";
  const std::string one = a;
  const Row rows[] = {
      {"nothing", "", {}},
      {"only comments", "# nothing\n---\n# here\n", {}},
      {"a document on its marker's line",
       "--- {apiVersion: v1, kind: Namespace, metadata: {name: a}}",
       {"Namespace a"}},
      {"a directive",
       "%YAML 1.1\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n",
       {"Namespace a"}},
      {"markers without anything between",
       "---\n---\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n",
       {"Namespace a"}},
      {"an end marker",
       "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n...\n---\n{apiVersion: v1, kind: "
       "Namespace, metadata: {name: b}}\n",
       {"Namespace a", "Namespace b"}},
      {"a byte order mark",
       "\xEF\xBB\xBF{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
       {"Namespace a"}},
      {"dashes inside a block",
       "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations:\n    text: |\n      "
       "---\n      --- no marker\n",
       {"Namespace a"}},
      {"JSON",
       "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\\u0062\\/\"}}",
       {"Namespace ab/"}},
      {"JSON with tabs",
       "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Namespace\",\n\t\"metadata\": {\"name\": "
       "\"a\"}\n}",
       {"Namespace a"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("x", row.text);
    EXPECT_THAT(Texts(read.errors), IsEmpty());
    EXPECT_EQ(Names(read), row.names);
  }
}

TEST(ReadYaml, OpensLists) {
  const ReadResult read = ReadYaml("list.yaml", R"(apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: one}
- apiVersion: networking.istio.io/v1
  kind: Sidecar
  metadata: {name: broken}
  spec: {ingres: []}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: ServiceAccount, metadata: {name: two}}
---
apiVersion: v1
kind: NamespaceList
items:
- apiVersion: v1
  metadata: {name: three}
)");
  EXPECT_THAT(Names(read),
              ElementsAre("Namespace one", "ServiceAccount default/two", "Namespace three"));
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("list.yaml:10:10: Sidecar default/broken spec: unknown field \"ingres\", "
                          "did you mean \"ingress\"?"));
  EXPECT_EQ(read.objects.size(), 4);
  EXPECT_EQ(read.objects[1].position.ToString(), "list.yaml:7:3");
  // A broken item is known by name, so nothing is unknown about the list.
  EXPECT_FALSE(read.incomplete);
}

TEST(ReadYaml, FollowsAnchorsAndMerges) {
  const ReadResult read = ReadYaml("x.yaml", R"(apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: &hosts [a, b]
  gateways: *hosts
  http:
  - &first
    name: first
    timeout: 1s
    route: [{destination: &here {host: a, subset: v1}}]
  - <<: *first
    name: second
    mirror: {<<: [*here, {subset: v3, port: {number: 80}}], host: b}
)");
  ASSERT_THAT(Texts(read.errors), IsEmpty());
  const VirtualService& spec = read.resources[0]->As<VirtualService>();
  EXPECT_EQ(spec.gateways(1), "b");
  EXPECT_EQ(spec.http(1).name(), "second");
  EXPECT_EQ(spec.http(1).timeout().seconds(), 1);
  EXPECT_EQ(spec.http(1).mirror().host(), "b");
  EXPECT_EQ(spec.http(1).mirror().subset(), "v1");
  EXPECT_EQ(spec.http(1).mirror().port().number(), 80);
  EXPECT_EQ(read.resources[0]->PositionOf("spec.http[1].timeout").ToString(), "x.yaml:10:5");
}

TEST(ReadYaml, RefusesWhatCannotBeMeant) {
  std::string bomb =
      "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: x}\nspec:\n"
      "  configPatches:\n  - patch:\n      value:\n        a0: &a0 [x, x, x, x, x, x, x, x, x, "
      "x]\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&bomb, "        a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) absl::StrAppend(&bomb, k > 0 ? ", " : "", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  std::string chain =
      "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: x}\nspec:\n"
      "  configPatches:\n  - patch:\n      value:\n        a0: &a0 [x]\n";
  for (int i = 1; i < 300; ++i) {
    absl::StrAppend(&chain, "        a", i, ": &a", i, " [*a", i - 1, "]\n");
  }
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const std::string head = "apiVersion: v1\nkind: Namespace\nmetadata: ";
  const Row rows[] = {
      {"a bomb of aliases", bomb,
       "x.yaml:8:18: EnvoyFilter default/x "
       "spec.configPatches[0].patch.value.a4[7][9][3][7][0]: "
       "aliases expand to more than 100000 values; write them out where they are few"},
      {"aliases that nest deep", chain, "x.yaml:8:18: EnvoyFilter default/x "},
      {"101 levels", head + std::string(101, '[') + std::string(101, ']'),
       "x.yaml:3:110: nested deeper than 100"},
      {"very many levels", head + std::string(100000, '['), "x.yaml:3:110: nested deeper than 100"},
      {"an unknown anchor", head + "*nobody\n",
       "x.yaml:3:11: *nobody has no anchor &nobody before it in this document"},
      {"an anchor inside itself", head + "&a {name: *a}\n",
       "x.yaml:3:21: *a stands inside its own anchor"},
      {"not UTF-8", head + "{name: \xC3\xA4\xFF}\n",
       "x.yaml:3:20: this byte is not UTF-8; save the file as UTF-8"},
      {"a zero byte", head + std::string("{name: a\0b}\n", 12),
       "x.yaml:3:19: control characters are not allowed"},
      {"no object", "just text\n",
       "x.yaml:1:1: an object with apiVersion and kind is wanted, this is the string \"just "
       "text\""},
      {"no kind", "apiVersion: v1\n",
       "x.yaml:1:1: kind is missing: every object has apiVersion and kind"},
      {"the column counts bytes", head + "{name: \"\xC3\xA4\xC3\xB6\" :}\n", "x.yaml:3:"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const ReadResult read = ReadYaml("x.yaml", row.text);
    ASSERT_FALSE(read.errors.empty());
    EXPECT_EQ(read.errors[0].ToString().substr(0, row.error.size()), row.error);
    EXPECT_THAT(read.resources, IsEmpty());
  }
}

TEST(ReadYaml, RefusesAnInputThatIsTooLarge) {
  ReadOptions options;
  options.max_bytes = 100;
  const ReadResult read = ReadYaml("x.yaml", std::string(101, ' '), options);
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:1:1: the input has 101 bytes, at most 100 are read"));
  EXPECT_TRUE(read.incomplete);
}

TEST(ReadYaml, CountsColumnsInBytes) {
  const ReadResult read =
      ReadYaml("x.yaml",
               "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: x}\n"
               "spec: {workloadSelector: {labels: {\"\xC3\xA4\xE2\x82\xAC\": a, b: 5}}}\n");
  EXPECT_THAT(Texts(read.errors),
              ElementsAre("x.yaml:4:51: Sidecar default/x spec.workloadSelector.labels.b: a string "
                          "is wanted, this is the number 5 to YAML; put it in quotes: \"5\""));
}

std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

TEST(ReadYaml, ReadsIstiosBookinfoWithoutAComplaint) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with data/bookinfo";
  int files = 0;
  int resources = 0;
  std::vector<std::string> skipped;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(shared) + "/data/bookinfo")) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    const std::string bytes = FileBytes(path);
    const ReadResult read = ReadYaml(path.filename().string(), bytes);
    EXPECT_THAT(Texts(read.errors), IsEmpty());
    ++files;
    resources += read.resources.size();
    for (size_t i : read.skipped) skipped.push_back(read.objects[i].kind);
  }
  EXPECT_GE(files, 30);
  EXPECT_GT(resources, 60);
  std::cout << files << " files, " << resources << " objects, skipped "
            << absl::StrJoin(skipped, " ") << "\n";
}

// Whatever is cut off or flipped, reading ends, and every error has a place.
TEST(ReadYaml, EveryPrefixAndManyFlipsOfAFileAreRead) {
  const std::string text = std::string(kBookinfo) + "---\n" + kThree;
  const auto check = [](const std::string& bytes) {
    const ReadResult read = ReadYaml("x.yaml", bytes);
    for (const FieldError& error : read.errors) {
      ASSERT_GT(error.position.line, 0) << error.ToString() << "\n" << bytes;
      ASSERT_GT(error.position.column, 0) << error.ToString() << "\n" << bytes;
    }
  };
  for (size_t n = 0; n <= text.size(); ++n) check(text.substr(0, n));
  uint64_t seed = 42;
  for (int i = 0; i < 3000; ++i) {
    std::string flipped = text;
    for (int k = 0; k < 3; ++k) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      flipped[(seed >> 33) % flipped.size()] = static_cast<char>(seed >> 24);
    }
    check(flipped);
  }
}

TEST(ReadYaml, OnlyALineFeedEndsALine) {
  // YAML 1.1 ends lines at more characters; editors do not.
  const std::string end = "kind: Namespace\nmetadata: {name: a}\nkind: Namespace\n";
  const std::string error =
      ":4:1: Namespace a: key \"kind\" is given twice, first at line 2; keep one";
  for (const char* first : {
           "apiVersion: v1 # \xE2\x80\xA8# \xE2\x80\xA9# \xC2\x85# separators of lines\n",
           "apiVersion: v1\r# a bare CR\n",
           "apiVersion: v1 # \xE2\x80\xA9\r\n",
       }) {
    EXPECT_THAT(Texts(ReadYaml("x", first + end).errors), ElementsAre("x" + error)) << first;
  }
}

TEST(ReadYaml, NothingIsBehindTheLastByte) {
  // libyaml's own marks would be at 2:1, in a line that is not there.
  EXPECT_THAT(Texts(ReadYaml("x", "a: b\nc").errors),
              ElementsAre("x:2:2: could not find expected ':' while scanning a simple key"));
  EXPECT_THAT(Texts(ReadYaml("x", "{a: [b").errors),
              ElementsAre("x:1:7: did not find expected ',' or ']' while parsing a flow sequence"));
}

TEST(ReadYaml, ACommentThatIsBrokenCostsNoDocumentBehindIt) {
  const std::string good = "\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: good}}\n";
  for (const std::string& comment : {
           std::string("# NUL \0 here", 12),
           std::string("# a bare CR \r{ and what it hides"),
           std::string("# no UTF-8 \xFF"),
           std::string("# NEL \xC2\x85[ and what it hides"),
           std::string("# LS \xE2\x80\xA8\"and what it hides"),
           std::string("# DEL \x7F"),
       }) {
    EXPECT_THAT(Names(ReadYaml("x", comment + good)), ElementsAre("Namespace good")) << comment;
  }
  // A directive and a comment in any language belong to their document.
  EXPECT_THAT(Names(ReadYaml("x", "%YAML 1.1\n# \xC3\xA4 \xE2\x82\xAC\r" + good)),
              ElementsAre("Namespace good"));
}

TEST(ReadDocuments, TakesWhatHasNeitherKindNorName) {
  const ReadResult read = ReadDocuments("f.yaml", "networks: {a: {endpoints: []}}\n---\n- 1\n");
  ASSERT_EQ(read.objects.size(), 2);
  EXPECT_TRUE(read.objects[0].errors.empty());
  EXPECT_EQ(read.objects[0].document->content.fields_size(), 1);
  ASSERT_EQ(read.objects[1].errors.size(), 1);
  EXPECT_EQ(read.objects[1].errors[0].ToString(),
            "f.yaml:3:1: a mapping is wanted, this is a list");
}

// JSON writes what is beyond 16 bits as two escapes.
TEST(ReadYaml, JoinsTheTwoHalvesThatJsonMakesOfACharacter) {
  const ReadResult read = ReadYaml(
      "f.json",
      R"({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "annotations": {)"
      R"("one": "\ud83d\uDE00", "two": "<\ud83d\ude00\u00e9\ud834\udd1e>", "no": "\\ud83d\\ude00",)"
      R"("\ud83d\ude00": "key"}, "labels": {"bad": 5}}})"
      "\n---\n"
      R"({apiVersion: v1, kind: Namespace, metadata: {name: b, annotations: {)"
      R"(plain: \ud83d\ude00, single: '\ud83d\ude00', both: "\ufdd0\ud83d\ude00" }}} # \ud83d\ude00)");
  // The place behind the escapes is that of the text as it is written.
  EXPECT_THAT(
      Texts(read.errors),
      ElementsAre("f.json:1:216: Namespace a metadata.labels.bad: a string is wanted, this is "
                  "the number 5 to YAML; put it in quotes: \"5\""));
  ASSERT_EQ(read.resources.size(), 1);
  const auto& annotations = read.resources[0]->metadata().annotations;
  EXPECT_EQ(annotations.at("plain"), R"(\ud83d\ude00)");
  EXPECT_EQ(annotations.at("single"), R"(\ud83d\ude00)");
  EXPECT_EQ(annotations.at("both"), "\xEF\xB7\x90\xF0\x9F\x98\x80");

  const ReadResult good = ReadYaml(
      "f.json",
      R"({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "annotations": {)"
      R"("one": "\ud83d\uDE00", "two": "<\ud83d\ude00\u00e9\ud834\udd1e>", "no": "\\ud83d\\ude00",)"
      R"("\ud83d\ude00": "key"}}})");
  ASSERT_EQ(good.resources.size(), 1) << ::testing::PrintToString(Texts(good.errors));
  const auto& decoded = good.resources[0]->metadata().annotations;
  EXPECT_EQ(decoded.at("one"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(decoded.at("two"), "<\xF0\x9F\x98\x80\xC3\xA9\xF0\x9D\x84\x9E>");
  EXPECT_EQ(decoded.at("no"), R"(\ud83d\ude00)");
  EXPECT_EQ(decoded.at("\xF0\x9F\x98\x80"), "key");
}

TEST(ReadYaml, HalfOfACharacterIsAnErrorWithItsPlace) {
  const struct {
    const char* yaml;
    const char* error;
  } rows[] = {
      {R"({"a": "\ud83d"})", "f:1:8: \\ud83d is half of a character: "},
      {R"({"a": "x\ude00"})", "f:1:9: \\ude00 is half of a character: "},
      {R"({"a": "\ud83d\ud83d\ude00"})", "f:1:8: \\ud83d is half of a character: "},
      {"{\"a\": \"\\ud83d\\ude00\",\n \"b\": \"\\ude00\\ud83d\"}",
       "f:2:8: \\ude00 is half of a character: "},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Texts(ReadYaml("f", row.yaml).errors),
                ElementsAre(std::string(row.error) +
                            "write both halves, as in \\ud83d\\ude00, or the character itself"));
  }
}

}  // namespace
}  // namespace mesh::config
