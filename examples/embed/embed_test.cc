// Runs the programs of this folder as their first lines say.
#include <stdio.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

struct Result {
  int code = 0;
  std::string out;
};

Result RunProgram(const std::string& command) {
  Result result;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) result.out.append(buffer, n);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

TEST(EmbedTest, RouteOnly) {
  const struct {
    const char* request;
    int code;
    const char* says;
  } rows[] = {
      {"GET shop.example '/cart?item=7'", 0, "cart"},
      {"POST www.shop.example /cart/7", 0, "everything else"},
      {"GET other.example /cart", 2, ""},
      {"GET", 64, ""},
  };
  for (const auto& row : rows) {
    const Result result = RunProgram(std::string("examples/embed/route_only ") + row.request);
    EXPECT_EQ(result.code, row.code) << row.request;
    EXPECT_THAT(result.out, ::testing::HasSubstr(row.says)) << row.request;
  }
}

TEST(EmbedTest, ControlPlane) {
  const Result result =
      RunProgram("printf '90\\n101\\n' | examples/embed/control_plane 127.0.0.1:0 2>/dev/null");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, ::testing::MatchesRegex("xDS on port [0-9]+\n"
                                                  "v1 has 90%: acknowledged by 0 proxies\n"
                                                  "a weight is a number from 0 to 100\n"));
}

}  // namespace
