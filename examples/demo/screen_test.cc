#include "examples/demo/screen.h"

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace demo {
namespace {

using Sync = ProxyState::Sync;

ScreenState Busy() {
  ScreenState state;
  state.url = "http://127.0.0.1:8080/productpage";
  state.time = "10:35:01";
  state.pages_per_second = 5.04;
  state.latency = Latency{2, 17, 150, 1};
  state.seconds = 30;
  state.reviews = {{"v1", 30}, {"v2", 90}, {"v3", 0}};
  state.proxies = {{"reviews-v1-0.default", Sync::kInSync, "", true, 0},
                   {"reviews-v2-0.default", Sync::kRejected, "rds: no such cluster", true, 0},
                   {"reviews-v3-0.default", Sync::kNotConnected, "", false, 2}};
  state.change = "10:34:58 generation 3: changed VirtualService default/reviews";
  state.findings = {"reviews.yaml:12:7: VirtualService default/reviews: spec.http: unknown field"};
  state.events = {"reviews-v3-0 ended: signal 9 (Killed)"};
  return state;
}

TEST(ScreenTest, AllOfIt) {
  EXPECT_EQ(DrawScreen(Busy(), {80, 24, false, true}),
            "Bookinfo through the mesh  http://127.0.0.1:8080/productpage            10:35:01\n"
            "\n"
            "requests   5.0 pages a second   latency p50 2 ms  p99 17 ms   1 failed of 150 i…\n"
            "\n"
            "reviews    v1  25%  █████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░\n"
            "           v2  75%  ██████████████████████████████████████░░░░░░░░░░░░\n"
            "           v3   0%  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░\n"
            "\n"
            "changes    10:34:58 generation 3: changed VirtualService default/reviews\n"
            "           reviews.yaml:12:7: VirtualService default/reviews: spec.http: unknown\n"
            "           field\n"
            "\n"
            "proxies    1 of 3 in sync\n"
            "           reviews-v1-0.default  in sync\n"
            "           reviews-v2-0.default  rejected: rds: no such cluster\n"
            "           reviews-v3-0.default  not connected, pod not ready, restarts: 2\n"
            "\n"
            "events     reviews-v3-0 ended: signal 9 (Killed)\n"
            "\n"
            "Ctrl-C ends it and all that it started");
}

TEST(ScreenTest, CertificatesHaveALine) {
  ScreenState state;
  state.security = "2 of 2 proxies have a certificate, the first expires in 23 h 59 min";
  EXPECT_THAT(DrawScreen(state, {100, 24, false, true}),
              ::testing::HasSubstr("\nmutual TLS 2 of 2 proxies have a certificate, the first "
                                   "expires in 23 h 59 min\n"));
}

TEST(ScreenTest, BeforeAnythingHappened) {
  ScreenState state;
  state.url = "http://127.0.0.1:8080/productpage";
  state.meshd_answers = false;
  EXPECT_EQ(DrawScreen(state, {60, 24, false, true}),
            "Bookinfo through the mesh  http://127.0.0.1:8080/productpage\n"
            "\n"
            "requests   0.0 pages a second\n"
            "\n"
            "reviews    none yet\n"
            "\n"
            "changes    none so far; edit the YAML and save it\n"
            "\n"
            "proxies    meshd does not answer\n"
            "\n"
            "Ctrl-C ends it and all that it started");
}

size_t Characters(const std::string& text) {
  size_t characters = 0;
  for (const char c : text) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return characters;
}

TEST(ScreenTest, NeverLargerThanTheTerminal) {
  for (size_t width : {0, 1, 2, 10, 20, 39, 40, 80, 200}) {
    for (size_t height : {1, 2, 5, 10, 15, 24, 60}) {
      const std::vector<std::string> lines =
          absl::StrSplit(DrawScreen(Busy(), {width, height, false, true}), '\n');
      EXPECT_LE(lines.size(), height);
      for (const std::string& line : lines) EXPECT_LE(Characters(line), width) << line;
    }
  }
}

TEST(ScreenTest, WhatIsWrongIsToldToItsEnd) {
  ScreenState state = Busy();
  state.findings = {
      "examples/bookinfo/yaml/reviews.yaml:9:3: VirtualService default/reviews spec: unknown field "
      "\"hotst\", did you mean \"host\"?"};
  EXPECT_NE(
      DrawScreen(state, {80, 24, false, true})
          .find(
              "           examples/bookinfo/yaml/reviews.yaml:9:3: VirtualService\n"
              "           default/reviews spec: unknown field \"hotst\", did you mean \"host\"?\n"),
      std::string::npos);
  // But it does not take the screen from the rest.
  state.findings = {std::string(400, 'x') + " " + std::string(400, 'y') + " z z z z z"};
  EXPECT_LE(Characters(DrawScreen(state, {80, 24, false, true})), 24u * 81);
}

TEST(ScreenTest, OnALowTerminalBlanksGoFirstAndThenProxiesThatAreWell) {
  const std::string without_blanks = DrawScreen(Busy(), {80, 15, false, true});
  EXPECT_EQ(without_blanks.find("\n\n"), std::string::npos);
  EXPECT_NE(without_blanks.find("reviews-v1-0.default"), std::string::npos);
  const std::string low = DrawScreen(Busy(), {80, 13, false, true});
  EXPECT_EQ(low.find("reviews-v1-0.default"), std::string::npos) << low;
  EXPECT_NE(low.find("reviews-v2-0.default"), std::string::npos) << low;
}

TEST(ScreenTest, ColoursAndBlocksOnlyWhereTheyMayBe) {
  const std::string colours = DrawScreen(Busy(), {80, 24, true, true});
  EXPECT_NE(colours.find("reviews-v1-0.default  \033[32min sync\033[0m\n"), std::string::npos);
  EXPECT_NE(colours.find("\033[31m   1 failed\033[0m"), std::string::npos);
  const std::string plain = DrawScreen(Busy(), {80, 24, false, false});
  EXPECT_EQ(plain.find('\033'), std::string::npos);
  EXPECT_NE(plain.find("v1  25%  #############....."), std::string::npos) << plain;
  EXPECT_NE(plain.find("1 failed of 150 i~\n"), std::string::npos) << plain;
}

TEST(ScreenTest, WhatOthersSayCannotMoveTheCursor) {
  ScreenState state = Busy();
  state.findings = {"a\033[2Jb\nc"};
  EXPECT_NE(DrawScreen(state, {80, 24, false, true}).find("           a?[2Jb?c\n"),
            std::string::npos);
}

TEST(GatewayLineTest, StatusAndDuration) {
  const auto answer = ReadGatewayLine(
      "[2026-11-23T10:31:00.438Z] \"GET /productpage HTTP/1.1\" 200 - \"-\" \"-\" 0 1837 12 11 "
      "\"127.0.0.1\" \"-\" \"09eee5b2\" \"127.0.0.1:8090\" \"127.1.0.2:9080\" outbound|9080||x - "
      "-");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->milliseconds, 12);
  EXPECT_FALSE(ReadGatewayLine("2026-11-23T10:31:00Z info proxy: ready").has_value());
  EXPECT_FALSE(
      ReadGatewayLine("[x] \"GET /health HTTP/1.1\" 404 NR \"-\" \"-\" 0 0 0 - \"-\"").has_value());
}

TEST(GatewayLineTest, Summary) {
  EXPECT_FALSE(Summarise({}).has_value());
  std::vector<GatewayAnswer> answers;
  for (uint64_t i = 1; i <= 200; ++i) answers.push_back({i == 7 ? 503 : i == 8 ? 0 : 200, i});
  const Latency latency = *Summarise(answers);
  EXPECT_EQ(latency.p50, 100);
  EXPECT_EQ(latency.p99, 198);
  EXPECT_EQ(latency.requests, 200);
  EXPECT_EQ(latency.failed, 2);
  EXPECT_EQ(Summarise({{200, 4}})->p99, 4);
}

}  // namespace
}  // namespace demo
