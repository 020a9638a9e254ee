// Bookinfo in a real browser, through the mesh: the page, its stars by version of the reviews, and
// what signing in changes.

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/testing/mesh.h"
#include "tests/ca/peer.h"

namespace {

using mesh::testing::Mesh;
using ::testing::HasSubstr;
using ::testing::Not;

// The browser's path; "" where there is none.
std::string FindChromium() {
  const char* const path = std::getenv("PATH");
  for (absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    const std::string program = absl::StrCat(folder, "/chromium");
    if (std::ifstream(program).good()) return program;
  }
  return "";
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    chromium_ = FindChromium();
    if (chromium_.empty()) {
      const char kReason[] = "no chromium; third_party/setup/peer chromium installs it";
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << kReason;
      GTEST_SKIP() << kReason;
    }
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start();
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    // Whoever has not signed in gets the reviews with red stars.
    const absl::Status status = mesh_->Apply(
        "reviews.yaml",
        absl::StrReplaceAll(mesh_->Document("reviews.yaml"),
                            {{"weight: 90", "weight: 0"}, {"weight: 10", "weight: 100"}}));
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string Url(const std::string& path) const {
    return absl::StrCat("http://", mesh_->gateway_address(), ":", mesh_->gateway_port(), path);
  }
  // Opens a page as a new user does and does one thing with it.
  mesh::Outcome Open(const std::string& url, const std::string& what) {
    const std::string profile = absl::StrCat(::testing::TempDir(), "/profile-", ++profiles_);
    return mesh::RunProgram({"/usr/bin/timeout", "120", chromium_, "--headless", "--no-sandbox",
                             "--disable-gpu", "--disable-quic", "--no-first-run",
                             "--disable-background-networking", "--disable-component-update",
                             "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,800",
                             "--virtual-time-budget=5000", "--user-data-dir=" + profile, what,
                             url});
  }
  // The document as it stands once everything has been loaded and every script has run.
  std::string Document(const std::string& url) {
    const mesh::Outcome outcome = Open(url, "--dump-dom");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }

  std::string chromium_;
  int profiles_ = 0;
  std::unique_ptr<Mesh> mesh_;
};

TEST_F(BrowserTest, ShowsThePageWithTheStarsOfTheReviewsThatTheMeshChose) {
  const std::string page = Document(Url("/productpage"));
  EXPECT_THAT(page, HasSubstr("<title>Simple Bookstore App</title>"));
  EXPECT_EQ(Count(page, "class=\"stars red\""), 2) << page;
  EXPECT_THAT(page, HasSubstr("5 of 5 red stars"));
  EXPECT_THAT(page, Not(HasSubstr("class=\"stars black\"")));
  // It looked at the page, and did not merely fetch it: what the page refers to came as well.
  const auto style =
      mesh_->WaitForLine(Mesh::kGateway, "\"GET /static/bookinfo.css HTTP/1.1\" 200 ");
  ASSERT_TRUE(style.ok()) << style.status();
  EXPECT_THAT(*style, HasSubstr("Chrome/"));
}

TEST_F(BrowserTest, SignsInAndSeesWhatTheRouteGivesThatUser) {
  // A visitor's form, filled in and sent: the answer sets a cookie and leads back to the page.
  const std::string form = ::testing::TempDir() + "/form.html";
  std::ofstream(form) << "<form id=f method=post action=\"" << Url("/login")
                      << "\"><input name=username value=jason></form>"
                         "<script>document.getElementById('f').submit()</script>";
  const std::string page = Document("file://" + form);
  EXPECT_THAT(page, HasSubstr("<title>Simple Bookstore App</title>"));
  EXPECT_THAT(page, HasSubstr("Signed in as <b>jason</b>"));
  EXPECT_EQ(Count(page, "class=\"stars black\""), 2) << page;
  EXPECT_THAT(page, Not(HasSubstr("class=\"stars red\"")));
}

TEST_F(BrowserTest, DrawsIt) {
  const std::string file = ::testing::TempDir() + "/page.png";
  const mesh::Outcome outcome = Open(Url("/productpage"), "--screenshot=" + file);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_EQ(bytes.str().substr(1, 3), "PNG");
  // An empty page of this size is a tenth of that.
  EXPECT_GT(bytes.str().size(), 40000u);
}

}  // namespace
