#include "mesh/local/load.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "httplib.h"

namespace mesh::local {
namespace {

std::string Page(const std::string& version) {
  return "<title>Simple Bookstore App</title><section data-reviews-version=\"" + version + "\">";
}

TEST(LoadTest, WhatCountsAsFailed) {
  const struct {
    const char* name;
    int status;
    std::string body;
    const char* failure;
    const char* version;
  } rows[] = {
      {"a page", 200, Page("v3"), "", "v3"},
      {"no route", 404, "", "status 404: ", ""},
      {"something else", 200, "<title>x</title>", "a page without its title", ""},
      {"reviews are down", 200, Page("") + "Error fetching product reviews!",
       "a page without reviews", ""},
      {"details are down", 200, Page("v1") + "Error fetching product details!",
       "a page without the book's details", "v1"},
      {"ratings are down", 200, Page("v2") + "Ratings service is currently unavailable",
       "reviews without ratings", "v2"},
  };
  for (const auto& row : rows) {
    const PageVerdict verdict = JudgePage(row.status, row.body);
    EXPECT_EQ(verdict.failure, row.failure) << row.name;
    EXPECT_EQ(verdict.version, row.version) << row.name;
  }
}

TEST(LoadTest, CountsAndStopsAtTheNumberAskedFor) {
  httplib::Server server;
  std::atomic<int> asked{0};
  server.set_keep_alive_timeout(1);
  server.Get("/productpage", [&](const httplib::Request& request, httplib::Response& response) {
    const int n = asked++;
    if (n % 10 == 0) {
      response.status = 503;
      return;
    }
    response.set_content(Page(request.get_header_value("end-user") == "jason" ? "v2" : "v1"),
                         "text/html");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  LoadOptions options;
  options.port = port;
  options.headers = {{"end-user", "jason"}};
  options.requests = 100;
  const LoadCounts counts = Load(options).Finish();
  EXPECT_EQ(counts.requests, 100u);
  EXPECT_EQ(counts.failed, 10u);
  EXPECT_EQ(counts.by_version, (std::map<std::string, uint64_t>{{"v2", 90}}));
  EXPECT_EQ(counts.failures.size(), 10u);

  options.requests = 0;
  options.per_second = 1000;
  Load endless(options);
  while (endless.Counts().requests < 20) std::this_thread::yield();
  EXPECT_GE(endless.Stop().requests, 20u);
  server.stop();
  thread.join();
  EXPECT_EQ(Load({"127.0.0.1", port, "/", {}, 1, 0, 1}).Finish().failed, 1u);
}

}  // namespace
}  // namespace mesh::local
