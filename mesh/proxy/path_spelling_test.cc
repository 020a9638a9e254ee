// One path in all its spellings: what is judged is what is routed is what is sent, in every mode of
// normalisation. (CVE-2021-31920, CVE-2021-39156, CVE-2020-8595, CVE-2023-35944.)
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "mesh/http/path.h"
#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::StartProxy;
using testing::StaticCluster;
using testing::ToCluster;

const char* const kSpellings[] = {
    "/admin",
    "//admin",
    "///admin",
    "/admin/",
    "/admin//",
    "/./admin",
    "/admin/.",
    "/x/../admin",
    "/x/..//admin",
    "/x/y/../../admin",
    "/../admin",
    "/..//admin",
    "/.//admin",
    "/a/./../admin",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/%61%64%6D%69%6E",
    "/admi%6e",
    "/%2561dmin",
    "/%%361dmin",
    "/%2Fadmin",
    "/%2fadmin",
    "/x%2F..%2Fadmin",
    "/x%2f..%2fadmin",
    "/x/%2e%2e/admin",
    "/x/%2E%2E/admin",
    "/x/.%2e/admin",
    "/x/%2e./admin",
    "/x%2F%2e%2e%2Fadmin",
    "/%5Cadmin",
    "/%5cadmin",
    "/\\admin",
    "\\admin",
    "/x\\..\\admin",
    "/x%5C..%5Cadmin",
    "/admin%2F",
    "/admin%2f",
    "/admin%5C",
    "/admin\\",
    "/admin;x=y",
    "/admin;",
    "/;/admin",
    "/admin%3Bx",
    "/admin?",
    "/admin?x=y",
    "/admin?/../x",
    "/admin#",
    "/admin#x",
    "/admin%23x",
    "/admin%3Fx",
    "/admin%00",
    "/admin%20",
    "/admin+",
    "/ADMIN",
    "/Admin",
    "/admin.",
    "/admin..",
    "/admin/..",
    "/admin/../admin",
    "/%c3%a1dmin",
    "/adm\xc3\xadn",
    "/admin%zz",
    "/admin%",
    "http://a.example/admin",
    "HTTP://a.example/admin",
    "hTTps://a.example//admin",
};

// MeshConfig.pathNormalization: NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES.
const char* const kModes[] = {
    R"("normalize_path":false)",
    R"("normalize_path":true)",
    R"("normalize_path":true,"merge_slashes":true)",
    R"("normalize_path":true,"merge_slashes":true,"path_with_escaped_slashes_action":"UNESCAPE_AND_FORWARD")",
};

std::string Json(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}});
}

struct Answer {
  int status = 0;
  std::string path;  // that the upstream saw
};

Answer Ask(uint16_t port, const std::string& target, const std::string& headers) {
  Peer client = Connect(port);
  client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a.example\r\n", headers, "\r\n"));
  const auto response = client.Read();
  if (!response.has_value()) return {};
  return {response->status(), response->body};
}

std::string Mirror(const Peer::Message& request) {
  const std::string target = request.start.substr(4, request.start.rfind(' ') - 4);
  return Ok(target);
}

TEST(PathSpellingTest, WhatIsJudgedIsRoutedAndSent) {
  Server server(Server::Answering(Mirror));
  int compared = 0, refused = 0;
  for (const char* mode : kModes) {
    // What each spelling becomes.
    auto plain = StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                             .listeners = {HttpListener(ToCluster("up"), mode)}});
    std::vector<std::string> sent;
    for (const char* spelling : kSpellings) {
      const Answer answer = Ask(plain->ListenerPort("in"), spelling, "");
      ASSERT_TRUE(answer.status == 200 || answer.status == 400) << spelling << answer.status;
      sent.push_back(answer.status == 200 ? answer.path : "");
    }
    // A rule and a route about exactly what was sent: both must know it again.
    std::vector<std::string> policies, routes;
    for (size_t i = 0; i < sent.size(); ++i) {
      if (sent[i].empty()) continue;
      const std::string path = Json(std::string(http::WithoutQuery(sent[i])));
      policies.push_back(absl::StrCat(
          "\"p", i, R"(":{"principals":[{"any":true}],"permissions":[{"and_rules":{"rules":[
            {"url_path":{"path":{"exact":")",
          path, R"("}}},
            {"header":{"name":"x-deny","string_match":{"exact":"n)",
          i, R"("}}}]}}]})"));
      routes.push_back(absl::StrCat(R"({"match":{"path":")", path,
                                    R"(","headers":[{"name":"x-route","string_match":{"exact":"n)",
                                    i, R"("}}]},"route":{"cluster":"up"}})"));
    }
    const auto join = [](const std::vector<std::string>& list) {
      std::string out;
      for (const std::string& one : list) absl::StrAppend(&out, out.empty() ? "" : ",", one);
      return out;
    };
    const std::string rbac = absl::StrCat(
        R"({"name":"rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC","rules":{"action":"DENY","policies":{)",
        join(policies), "}}}}");
    auto strict = StartProxy(
        {.clusters = {StaticCluster("up", {server.port()})},
         .listeners = {HttpListener(
             absl::StrCat(R"({"name":"v","domains":["*"],"routes":[)", join(routes), "]}"), mode,
             "in", rbac)}});
    for (size_t i = 0; i < sent.size(); ++i) {
      SCOPED_TRACE(absl::StrCat(mode, " ", kSpellings[i], " -> ", sent[i]));
      const uint16_t port = strict->ListenerPort("in");
      const Answer routed = Ask(port, kSpellings[i], absl::StrCat("x-route: n", i, "\r\n"));
      const Answer denied =
          Ask(port, kSpellings[i], absl::StrCat("x-route: n", i, "\r\nx-deny: n", i, "\r\n"));
      if (sent[i].empty()) {
        EXPECT_EQ(routed.status, 400);
        EXPECT_EQ(denied.status, 400);
        ++refused;
        continue;
      }
      EXPECT_EQ(routed.status, 200);
      EXPECT_EQ(routed.path, sent[i]);
      EXPECT_EQ(denied.status, 403);
      ++compared;
    }
  }
  EXPECT_GE(compared, 200);
  EXPECT_GE(refused, 8);  // '#', and what has no canonical form
}

// Whoever brings the path into canonical form once more, behind us, reads the same.
TEST(PathSpellingTest, ACanonicalPathStaysAsItIs) {
  const char* const kPieces[] = {"/",   "//",   ".",   "..",  "a",  "%",   "%2",  "%2f", "%2F",
                                 "%5c", "%25",  "%61", "%2e", "\\", ";",   "?",   "x",   "%00",
                                 "%zz", "\x7f", " ",   "6",   "1",  "%36", "%31", "F",   "2"};
  std::mt19937 random(7);
  int stable = 0;
  for (int i = 0; i < 250000; ++i) {
    http::PathNormalization mode;
    mode.normalize = i % 4 != 0;
    mode.merge_slashes = i % 4 >= 2;
    if (i % 4 == 3) mode.escaped_slashes = http::EscapedSlashes::kUnescapeAndForward;
    std::string path = "/";
    for (int n = random() % 10; n > 0; --n) path += kPieces[random() % std::size(kPieces)];
    const std::string original = path;
    if (http::NormalizePath(mode, &path) == http::PathOutcome::kReject) continue;
    std::string again = path;
    ASSERT_NE(http::NormalizePath(mode, &again), http::PathOutcome::kReject) << original;
    ASSERT_EQ(again, path) << original;
    const std::string only(http::WithoutQuery(path));
    if (mode.merge_slashes) {
      ASSERT_EQ(only.find("//"), std::string::npos) << original;
    }
    if (mode.normalize) {
      ASSERT_EQ(only.find("/../"), std::string::npos) << original;
      ASSERT_EQ(only.find('\\'), std::string::npos) << original;
    }
    ++stable;
  }
  EXPECT_GT(stable, 100000);
}

}  // namespace
}  // namespace mesh::proxy
