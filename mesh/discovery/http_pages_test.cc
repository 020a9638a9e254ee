#include "mesh/discovery/http_pages.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "httplib.h"

namespace mesh::discovery {
namespace {

Page Greet(const HttpPages::Query& query) {
  const auto name = query.find("name");
  return {200, "text/plain", absl::StrCat("hello ", name == query.end() ? "" : name->second)};
}

TEST(HttpPages, AnswersItsPathsAndNoOthers) {
  auto pages = HttpPages::Start("127.0.0.1:0", {{"/greet", Greet}});
  ASSERT_TRUE(pages.ok()) << pages.status();
  httplib::Client client("127.0.0.1", (*pages)->port());
  auto answer = client.Get("/greet?name=a%20b");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hello a b");
  EXPECT_EQ(answer->get_header_value("Content-Type"), "text/plain");
  answer = client.Get("/other");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  answer = client.Post("/greet", "", "text/plain");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404) << "pages are read, not written";
}

TEST(HttpPages, StopsBeforeAnybodyAsked) {
  auto pages = HttpPages::Start("127.0.0.1:0", {});
  ASSERT_TRUE(pages.ok());
  (*pages)->Stop();
  (*pages)->Stop();
}

TEST(HttpPages, AnAddressInUseIsAnError) {
  auto pages = HttpPages::Start("127.0.0.1:0", {});
  ASSERT_TRUE(pages.ok());
  const std::string address = absl::StrCat("127.0.0.1:", (*pages)->port());
  EXPECT_EQ(HttpPages::Start(address, {}).status(),
            absl::UnavailableError("cannot listen on " + address));
}

TEST(HttpPages, AnAddressNeedsAPort) {
  for (const char* address : {"", "127.0.0.1", ":80", "127.0.0.1:http", "127.0.0.1:70000"}) {
    EXPECT_EQ(HttpPages::Start(address, {}).status(),
              absl::InvalidArgumentError(
                  absl::StrCat("\"", address, "\" is no address; write HOST:PORT")));
  }
}

}  // namespace
}  // namespace mesh::discovery
