#include "mesh/ctl/validate.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Validate(const std::string& input, std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"validate"};
  args.insert(args.end(), more.begin(), more.end());
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = Run({AddValidate}, args, in, out, err);
  return {code, out.str(), err.str()};
}

// Never ends, and counts what is taken of it.
class Endless final : public std::streambuf {
 public:
  size_t taken() const { return taken_; }

 private:
  int_type underflow() override {
    setg(block_, block_, block_ + sizeof(block_));
    taken_ += sizeof(block_);
    return traits_type::to_int_type(block_[0]);
  }
  char block_[4096] = {};
  size_t taken_ = 0;
};

TEST(Validate, StandardInputIsNotReadBeyondWhatAFileMayHave) {
  Endless endless;
  std::istream in(&endless);
  std::ostringstream out, err;
  EXPECT_EQ(ctl::Run({AddValidate}, {"validate", "-f", "-"}, in, out, err), 1);
  EXPECT_EQ(err.str(),
            "-:1:1: the input has more than 52428800 bytes, which are the most that are read\n"
            "0 valid, 1 invalid, 0 skipped\n");
  EXPECT_LE(endless.taken(), (50u << 20) + (1 << 17));
}

constexpr char kGood[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
  - reviews
  http:
  - route:
    - destination:
        host: reviews
)";

constexpr char kMisspelt[] = R"(---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: bookinfo
  namespace: shop
spec:
  hosts:
  - "*"
  http:
  - match:
    - uri:
        prefx: /static
    route:
    - destination:
        host: productpage
)";

class ValidateFilesTest : public testing::Test {
 protected:
  ValidateFilesTest() {
    directory_ = std::string(getenv("TEST_TMPDIR")) + "/" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(directory_ + "/sub/.git");
  }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  std::string directory_;
};

TEST(ValidateTest, AGoodResource) {
  const Outcome outcome = Validate(kGood, {"-f", "-", "-o", "json"});
  EXPECT_EQ(outcome.code, kFine) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out), Json::parse(R"([{"file":"-","line":1,"kind":"VirtualService",
              "apiVersion":"networking.istio.io/v1alpha3","namespace":"default","name":"reviews",
              "valid":true,"errors":[]}])"));
  EXPECT_EQ(outcome.err, "");
}

TEST(ValidateTest, EveryErrorHasItsPlaceAndTheExitCodeIsOneInEveryFormat) {
  const Outcome json = Validate(kMisspelt, {"-f", "-", "-o", "json"});
  EXPECT_EQ(json.code, kFailed);
  const Json rows = Json::parse(json.out);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["line"], 2);
  EXPECT_EQ(rows[0]["namespace"], "shop");
  EXPECT_EQ(rows[0]["valid"], false);
  ASSERT_GE(rows[0]["errors"].size(), 1u);
  EXPECT_EQ(rows[0]["errors"][0],
            Json::parse(R"({"line":13,"column":9,"field":"spec.http[0].match[0].uri",
                          "message":"unknown field \"prefx\", did you mean \"prefix\"?"})"));
  const Outcome words = Validate(kMisspelt, {"-f", "-"});
  EXPECT_EQ(words.code, kFailed);
  EXPECT_EQ(words.out,
            "FILE   KIND             NAMESPACE   NAME       RESULT\n"
            "-:2    VirtualService   shop        bookinfo   invalid\n");
  EXPECT_NE(
      words.err.find("-:13:9: VirtualService shop/bookinfo spec.http[0].match[0].uri: unknown "
                     "field \"prefx\", did you mean \"prefix\"?\n"),
      std::string::npos)
      << words.err;
  EXPECT_NE(words.err.find("0 valid, 1 invalid, 0 skipped\n"), std::string::npos) << words.err;
  EXPECT_EQ(Validate(kMisspelt, {"-f", "-", "-o", "yaml"}).code, kFailed);
}

TEST(ValidateTest, AnUnknownKindIsSkippedAloud) {
  const Outcome outcome = Validate("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s\n",
                                   {"-f", "-", "-o", "json"});
  EXPECT_EQ(outcome.code, kFine);
  const Json rows = Json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["skipped"], "unknown kind");
  EXPECT_EQ(rows[0]["valid"], true);
  EXPECT_EQ(outcome.err, "-:1:1: ConfigMap s skipped: unknown kind\n");
}

TEST(ValidateTest, ABrokenDocumentTakesOnlyItselfDown) {
  const Outcome outcome = Validate(std::string(kGood) + "---\n{ : broken\n---\n" + kMisspelt,
                                   {"-f", "-", "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  const Json rows = Json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 3u) << outcome.out;
  EXPECT_EQ(rows[0]["valid"], true);
  EXPECT_EQ(rows[1]["kind"], "");
  EXPECT_EQ(rows[1]["valid"], false);
  EXPECT_EQ(rows[2]["name"], "bookinfo");
}

TEST(ValidateTest, NothingIsAnEmptyList) {
  const Outcome outcome = Validate("", {"-f", "-", "-o", "json"});
  EXPECT_EQ(outcome.code, kFine);
  EXPECT_EQ(outcome.out, "[]\n");
}

TEST_F(ValidateFilesTest, ADirectoryIsReadInPathOrder) {
  const std::string b = Write("b.yaml", kMisspelt);
  const std::string c = Write("sub/c.json", R"({"apiVersion":"v1","kind":"Namespace",
                                               "metadata":{"name":"shop"}})");
  const std::string a = Write("a.yml", kGood);
  Write("notes.txt", "no YAML");
  Write("sub/.git/x.yaml", kGood);
  const Outcome outcome = Validate("", {"-f", directory_, "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  const Json rows = Json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 3u) << outcome.out;
  EXPECT_EQ(rows[0]["file"], a);
  EXPECT_EQ(rows[1]["file"], b);
  EXPECT_EQ(rows[2]["file"], c);
}

TEST_F(ValidateFilesTest, TheSameObjectTwiceNamesBothPlaces) {
  const std::string a = Write("a.yaml", kGood);
  const std::string b = Write("b.yaml", std::string("# again\n") + kGood);
  const Outcome outcome = Validate("", {"-f", b, "-f", a, "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  const Json rows = Json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 2u);
  // The first by path stays in force, whatever the order of the flags.
  EXPECT_EQ(rows[0]["file"], b);
  EXPECT_EQ(rows[0]["valid"], false);
  EXPECT_EQ(rows[1]["valid"], true);
  EXPECT_NE(rows[0].dump().find(a + ":1:1"), std::string::npos) << outcome.out;
}

TEST_F(ValidateFilesTest, APathThatCannotBeReadIs65AndBeatsTheRest) {
  const std::string a = Write("a.yaml", kMisspelt);
  const Outcome outcome = Validate("", {"-f", directory_ + "/none.yaml", "-f", a, "-o", "json"});
  EXPECT_EQ(outcome.code, kUnreadable);
  EXPECT_EQ(Json::parse(outcome.out).size(), 1u);
  EXPECT_EQ(outcome.err,
            "meshctl: cannot read " + directory_ + "/none.yaml: No such file or directory\n");
}

TEST_F(ValidateFilesTest, AFileThatIsTooLargeIsRefusedUnread) {
  const std::string large = Write("large.yaml", "");
  std::filesystem::resize_file(large, 1'000'000'000'000);  // a hole: no memory holds it
  const std::string good = Write("small.yaml", kGood);
  const Outcome outcome = Validate("", {"-f", directory_, "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  const Json rows = Json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["errors"][0], Json::parse(R"({"line":1,"column":1,"field":"",
              "message":"the input has 1000000000000 bytes, at most 52428800 are read"})"));
  EXPECT_EQ(rows[1]["valid"], true);
}

TEST(ValidateTest, WithoutAPathItIsBadUsage) {
  const Outcome outcome = Validate("");
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace mesh::ctl
