#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "examples/bookinfo/app.h"
#include "examples/bookinfo/page.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace bookinfo {
namespace {

using nlohmann::json;

// A server on a free port for as long as it lives.
class Running {
 public:
  Running() : server_(Server::Options{64, /*idle_seconds=*/1}) {}
  ~Running() {
    server_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Server& server() { return server_; }
  int Start() {
    port_ = server_.Bind("127.0.0.1", 0);
    thread_ = std::thread([this] { server_.Serve(); });
    while (!server_.http().is_running()) std::this_thread::yield();
    return port_;
  }
  int port() const { return port_; }

 private:
  Server server_;
  int port_ = 0;
  std::thread thread_;
};

// What a sidecar is to the application: one port, and Host says which service is meant. Notes the
// headers of each call.
class OneOutboundPort {
 public:
  OneOutboundPort() {
    outbound_.server().http().Get(".*", [this](const httplib::Request& q, httplib::Response& r) {
      const std::string host = q.get_header_value("Host");
      const std::string service = host.substr(0, host.find(':'));
      {
        std::lock_guard<std::mutex> lock(mutex_);
        calls_.push_back({service, q.path, q.headers});
      }
      const auto it = services_.find(service);
      if (it == services_.end()) {
        r.status = 503;
        r.set_content("no healthy upstream", "text/plain");
        return;
      }
      httplib::Client client("127.0.0.1", it->second);
      const auto answer = client.Get(q.path.c_str(), ForwardableHeaders(q));
      if (!answer) {
        r.status = 503;
        return;
      }
      r.status = answer->status;
      r.set_content(answer->body, "application/json");
    });
    outbound_.Start();
  }

  void Add(const std::string& role, const std::string& version) {
    apps_.push_back(std::make_unique<Running>());
    Register({role, version, "", "127.0.0.1", outbound_.port()}, &apps_.back()->server());
    services_[role] = apps_.back()->Start();
  }

  struct Call {
    std::string service;
    std::string path;
    httplib::Headers headers;
  };
  std::vector<Call> TakeCalls() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(calls_, {});
  }

  // The product page, and a client of it.
  httplib::Client PageClient() {
    if (services_.find("productpage") == services_.end()) Add("productpage", "v1");
    return httplib::Client("127.0.0.1", services_["productpage"]);
  }

 private:
  static httplib::Headers ForwardableHeaders(const httplib::Request& request) {
    httplib::Headers headers = request.headers;
    for (const char* name : {"Host", "REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"}) {
      headers.erase(name);
    }
    return headers;
  }

  std::mutex mutex_;
  std::vector<Call> calls_;
  std::map<std::string, int> services_;
  std::vector<std::unique_ptr<Running>> apps_;
  Running outbound_;
};

TEST(BookinfoTest, ThePageShowsTheReviewsVersionAndItsStars) {
  const struct {
    const char* version;
    const char* has;
    const char* has_not;
  } rows[] = {
      {"v1", "<b>reviews v1</b> (reviews-v1)", "class=\"stars"},
      {"v2",
       "<span class=\"stars black\" role=\"img\" aria-label=\"5 of 5 black stars\">★★★★★</span>",
       "stars red"},
      {"v3",
       "<span class=\"stars red\" role=\"img\" aria-label=\"4 of 5 red stars\">★★★★<span "
       "class=\"off\">★</span></span>",
       "stars black"},
  };
  for (const auto& row : rows) {
    OneOutboundPort mesh;
    mesh.Add("details", "v1");
    mesh.Add("ratings", "v1");
    mesh.Add("reviews", row.version);
    const auto page = mesh.PageClient().Get("/productpage");
    ASSERT_TRUE(page) << row.version;
    EXPECT_EQ(page->status, 200);
    EXPECT_NE(page->body.find("<title>Simple Bookstore App</title>"), std::string::npos);
    EXPECT_NE(page->body.find("William Shakespeare"), std::string::npos);
    EXPECT_NE(page->body.find("data-reviews-version=\"" + std::string(row.version) + "\""),
              std::string::npos);
    EXPECT_NE(page->body.find(row.has), std::string::npos) << page->body;
    EXPECT_EQ(page->body.find(row.has_not), std::string::npos) << page->body;
  }
}

TEST(BookinfoTest, AServiceThatIsDownTakesOnlyItsPartOfThePage) {
  OneOutboundPort mesh;
  mesh.Add("details", "v1");
  const auto page = mesh.PageClient().Get("/productpage");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_NE(page->body.find("Sorry, product reviews are currently unavailable for this book."),
            std::string::npos);
  EXPECT_NE(page->body.find("William Shakespeare"), std::string::npos);
  const auto reviews = mesh.PageClient().Get("/api/v1/products/0/reviews");
  ASSERT_TRUE(reviews);
  EXPECT_EQ(reviews->status, 503);
  EXPECT_EQ(json::parse(reviews->body)["error"],
            "Sorry, product reviews are currently unavailable for this book.");
}

TEST(BookinfoTest, ReviewsWithoutRatingsStillShowTheWords) {
  OneOutboundPort mesh;
  mesh.Add("details", "v1");
  mesh.Add("reviews", "v2");
  const auto page = mesh.PageClient().Get("/productpage");
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("I laughed on every page."), std::string::npos);
  EXPECT_NE(page->body.find("Ratings service is currently unavailable"), std::string::npos);
}

TEST(BookinfoTest, TheApiIsJson) {
  OneOutboundPort mesh;
  mesh.Add("details", "v1");
  mesh.Add("ratings", "v1");
  mesh.Add("reviews", "v3");
  httplib::Client client = mesh.PageClient();
  const auto get = [&](const char* path) {
    const auto answer = client.Get(path);
    return answer ? json::parse(answer->body, nullptr, false) : json();
  };
  EXPECT_EQ(get("/api/v1/products")[0]["title"], "The Comedy of Errors");
  EXPECT_EQ(get("/api/v1/products/0")["author"], "William Shakespeare");
  EXPECT_EQ(get("/api/v1/products/0/ratings")["ratings"]["Reviewer1"], 5);
  const json reviews = get("/api/v1/products/0/reviews");
  EXPECT_EQ(reviews["version"], "v3");
  EXPECT_EQ(reviews["podname"], "reviews-v3");
  EXPECT_EQ(reviews["reviews"][1]["rating"], (json{{"stars", 4}, {"color", "red"}}));
  EXPECT_EQ(client.Get("/api/v1/products/7")->status, 404);
  EXPECT_EQ(client.Get("/nope")->status, 404);
}

TEST(BookinfoTest, TraceHeadersTravelOnAndTheServiceIsTheHost) {
  OneOutboundPort mesh;
  mesh.Add("details", "v1");
  mesh.Add("ratings", "v1");
  mesh.Add("reviews", "v2");
  httplib::Client client = mesh.PageClient();
  const httplib::Headers headers = {
      {"x-request-id", "r1"},      {"x-b3-traceid", "t1"},     {"x-b3-spanid", "s1"},
      {"x-b3-parentspanid", "p1"}, {"x-b3-sampled", "1"},      {"x-b3-flags", "0"},
      {"b3", "t1-s1-1"},           {"x-ot-span-context", "o"}, {"traceparent", "00-1-2-01"},
      {"tracestate", "a=b"},       {"end-user", "jason"},      {"x-secret", "stays here"},
  };
  ASSERT_TRUE(client.Get("/productpage", headers));
  const auto calls = mesh.TakeCalls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].service + calls[0].path, "details/details/0");
  EXPECT_EQ(calls[1].service + calls[1].path, "reviews/reviews/0");
  EXPECT_EQ(calls[2].service + calls[2].path, "ratings/ratings/0");
  for (const auto& call : calls) {
    for (const auto& [name, value] : headers) {
      const auto it = call.headers.find(name);
      if (name == "x-secret") {
        EXPECT_EQ(it, call.headers.end()) << call.service;
      } else {
        ASSERT_NE(it, call.headers.end()) << call.service << " " << name;
        EXPECT_EQ(it->second, value);
      }
    }
  }
}

TEST(BookinfoTest, WhoSignsInIsTheEndUser) {
  OneOutboundPort mesh;
  mesh.Add("details", "v1");
  mesh.Add("reviews", "v1");
  httplib::Client client = mesh.PageClient();
  const auto signed_in =
      client.Post("/login", "username=jason", "application/x-www-form-urlencoded");
  ASSERT_TRUE(signed_in);
  EXPECT_EQ(signed_in->status, 302);
  EXPECT_EQ(signed_in->get_header_value("Location"), "productpage");
  const std::string cookie = signed_in->get_header_value("Set-Cookie");
  EXPECT_EQ(cookie, "user=jason; Path=/; HttpOnly; SameSite=Lax");
  const auto page =
      client.Get("/productpage", {{"Cookie", "a=b; user=jason"}, {"end-user", "eve"}});
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("Signed in as <b>jason</b>"), std::string::npos);
  const auto calls = mesh.TakeCalls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[1].headers.count("end-user"), 1u);
  EXPECT_EQ(calls[1].headers.find("end-user")->second, "jason");
  EXPECT_EQ(client.Get("/logout")->get_header_value("Set-Cookie"),
            "user=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

TEST(BookinfoTest, AUserNameThatWouldForgeHeadersIsRefused) {
  OneOutboundPort mesh;
  const auto answer = mesh.PageClient().Post("/login", "username=a%0d%0ax-admin:1",
                                             "application/x-www-form-urlencoded");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400);
  EXPECT_EQ(json::parse(answer->body)["error"],
            "a user name is 1 to 64 letters, digits, or any of . - _ @");
}

TEST(BookinfoTest, WhatComesFromServicesIsEscaped) {
  Page page;
  page.details = {{"author", "<script>alert(1)</script>"}};
  page.reviews = {{"version", "\"><b>"},
                  {"reviews", json::array({{{"text", "<i>"}, {"reviewer", "&"}}})}};
  const std::string html = RenderPage(page);
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST(BookinfoTest, StaticFilesHealthAndCounts) {
  OneOutboundPort mesh;
  httplib::Client client = mesh.PageClient();
  EXPECT_EQ(client.Get("/static/bookinfo.css")->get_header_value("Content-Type"),
            "text/css; charset=utf-8");
  EXPECT_EQ(client.Get("/static/bookinfo.svg")->get_header_value("Content-Type"), "image/svg+xml");
  EXPECT_EQ(client.Get("/static/..%2f..%2fetc%2fpasswd")->status, 404);
  EXPECT_EQ(json::parse(client.Get("/health")->body)["status"], "healthy");
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_NE(metrics->body.find("bookinfo_requests_total{response_code_class=\"2xx\"} 2"),
            std::string::npos)
      << metrics->body;
  EXPECT_NE(metrics->body.find("bookinfo_requests_total{response_code_class=\"4xx\"} 1"),
            std::string::npos)
      << metrics->body;
}

}  // namespace
}  // namespace bookinfo
