#include "mesh/ctl/proxy_status.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

#include "gtest/gtest.h"
#include "httplib.h"
#include "mesh/ctl/table.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

constexpr char kRows[] = R"([
  {"proxy":"istio-ingressgateway-0.istio-system","cds":"SYNCED","lds":"SYNCED","eds":"SYNCED",
   "rds":"NACKED","reason":"route \"x\": no such cluster","version":"7f","meshd":"meshd-0"},
  {"proxy":"reviews-v1-0.default","cds":"SYNCED","lds":"STALE","eds":"SYNCED","rds":"NOT SENT",
   "reason":"","version":"a1","meshd":"meshd-0"}])";

// A meshd that knows two proxies.
class ProxyStatusTest : public testing::Test {
 protected:
  ProxyStatusTest() {
    server_.set_keep_alive_timeout(1);
    server_.Get("/debug/syncz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(kRows, "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~ProxyStatusTest() override {
    server_.stop();
    thread_.join();
  }
  Outcome Ask(std::vector<std::string> more) {
    std::vector<std::string> args = {"proxy-status", "--server",
                                     "localhost:" + std::to_string(port_)};
    args.insert(args.end(), more.begin(), more.end());
    std::istringstream in;
    std::ostringstream out, err;
    const int code = ctl::Run({AddProxyStatus}, args, in, out, err);
    return {code, out.str(), err.str()};
  }
  httplib::Server server_;
  int port_;
  std::thread thread_;
};

TEST_F(ProxyStatusTest, AsATable) {
  const Outcome outcome = Ask({});
  EXPECT_EQ(outcome.code, kFine);
  EXPECT_EQ(
      outcome.out,
      "PROXY                                 CDS      LDS      EDS      RDS        MESHD     "
      "VERSION\n"
      "istio-ingressgateway-0.istio-system   SYNCED   SYNCED   SYNCED   NACKED     meshd-0   7f\n"
      "reviews-v1-0.default                  SYNCED   STALE    SYNCED   NOT SENT   meshd-0   "
      "a1\n");
  EXPECT_EQ(outcome.err,
            "istio-ingressgateway-0.istio-system rejected: route \"x\": no such cluster\n");
}

TEST_F(ProxyStatusTest, InColour) {
  const Outcome outcome = Ask({"--color", "always", "reviews-v1-0.default"});
  EXPECT_NE(outcome.out.find("\033[33mSTALE\033[0m   \033[32mSYNCED\033[0m"), std::string::npos)
      << outcome.out;
}

TEST_F(ProxyStatusTest, AsJson) {
  const Outcome outcome = Ask({"-o", "json"});
  EXPECT_EQ(outcome.code, kFine);
  EXPECT_EQ(nlohmann::json::parse(outcome.out), nlohmann::json::parse(kRows));
  const Outcome one = Ask({"reviews-v1-0.default", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(one.out)[0]["version"], "a1");
}

TEST_F(ProxyStatusTest, AnUnknownProxyNamesTheConnectedOnes) {
  const Outcome outcome = Ask({"reviews-v9-0.default"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "meshctl: no proxy \"reviews-v9-0.default\" is connected; connected are:\n"
            "  istio-ingressgateway-0.istio-system\n  reviews-v1-0.default\n");
}

TEST(ProxyStatusAloneTest, NobodyAnswers) {
  // Bound, and not listened on: nobody else gets it, and connections are refused.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  socklen_t size = sizeof(name);
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  const int port = ntohs(name.sin_port);
  std::istringstream in;
  std::ostringstream out, err;
  const std::string address = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(ctl::Run({AddProxyStatus}, {"proxy-status", "--server", address}, in, out, err),
            kFailed);
  EXPECT_EQ(err.str(), "meshctl: meshd does not answer: cannot connect to " + address +
                           ": Connection refused\n");
  EXPECT_EQ(ctl::Run({AddProxyStatus}, {"proxy-status", "--server", "nonsense"}, in, out, err),
            kUsage);
  close(fd);
}

TEST(TableTest, WidthsCountCharactersAndControlsAreNotPrinted) {
  Table table({"A", "B"});
  table.Add({"é", "x"});
  table.Add({"a\tb", ""});
  std::ostringstream out;
  table.Print(out, false);
  EXPECT_EQ(out.str(), "A     B\né     x\na?b\n");
}

TEST(TableTest, FitsTheTerminal) {
  Table table({"NAME", "TYPE", "CLUSTER"});
  table.Add({"é", Cell("EDS", Tint::kGood), "outbound|9080||reviews.default.svc.cluster.local"});
  const struct {
    const char* name;
    size_t width;
    const char* text;
  } rows[] = {
      {"wide enough", 62,
       "NAME   TYPE   CLUSTER\n"
       "é      EDS    outbound|9080||reviews.default.svc.cluster.local\n"},
      {"the widest column gives way", 30,
       "NAME   TYPE   CLUSTER\n"
       "é      EDS    outbound|9080||…\n"},
      {"what does not fit at all is left out", 9,
       "NAME   T…\n"
       "é      E…\n"},
  };
  for (const auto& row : rows) {
    std::ostringstream out;
    table.Print(out, false, row.width);
    EXPECT_EQ(out.str(), row.text) << row.name;
  }
}

TEST(TableTest, OnlyStandardOutputHasAWidth) {
  setenv("COLUMNS", "47", 1);
  EXPECT_EQ(LineWidth(std::cout), 47);
  std::ostringstream out;
  EXPECT_EQ(LineWidth(out), 0);
  unsetenv("COLUMNS");
}

}  // namespace
}  // namespace mesh::ctl
