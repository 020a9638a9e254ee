#include "mesh/discovery/key_fetcher.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "httplib.h"

namespace mesh::discovery {
namespace {

// RFC 7517's example.
constexpr char kKeys[] =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})";

// A server on loopback.
class Site {
 public:
  explicit Site(const std::function<void(httplib::Server*)>& set_up) {
    set_up(&server_);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Site() {
    server_.stop();
    thread_.join();
  }
  std::string Uri(const std::string& path, const std::string& host = "127.0.0.1") const {
    return absl::StrCat("http://", host, ":", port_, path);
  }
  int port() const { return port_; }

 private:
  httplib::Server server_;
  int port_;
  std::thread thread_;
};

KeyFetcherOptions Loopback() {
  KeyFetcherOptions options;
  options.allowed = {"127.0.0.1"};
  return options;
}

TEST(FetchKeySet, WhatMayNotBeAskedIsNot) {
  std::atomic<int> asked{0};
  Site site([&](httplib::Server* server) {
    server->Get("/keys", [&](const httplib::Request&, httplib::Response& response) {
      ++asked;
      response.set_content(kKeys, "application/json");
    });
  });
  const KeyFetcherOptions careful;
  const std::string names[] = {
      site.Uri("/keys"),
      site.Uri("/keys", "localhost"),
      site.Uri("/keys", "127.1"),
      site.Uri("/keys", "2130706433"),
      site.Uri("/keys", "0x7f.1"),
      site.Uri("/keys", "0.0.0.0"),
      site.Uri("/keys", "[::1]"),
      site.Uri("/keys", "[::ffff:127.0.0.1]"),
      "http://169.254.169.254/latest/meta-data",
      "http://10.0.0.1/keys",
      "http://172.16.3.4/keys",
      "http://192.168.1.1/keys",
      "http://100.64.0.1/keys",
      "http://[fd00::1]/keys",
      "http://[fe80::1]/keys",
      "http://[64:ff9b::7f00:1]/keys",
  };
  for (const std::string& uri : names) {
    const auto keys = FetchKeySet(uri, careful);
    EXPECT_EQ(keys.status().code(), absl::StatusCode::kPermissionDenied) << uri << keys.status();
  }
  EXPECT_EQ(FetchKeySet(site.Uri("/keys"), careful).status().message(),
            "127.0.0.1 is 127.0.0.1, an address that may not be asked for keys; meshd's "
            "--jwks_allow lists those that may though they are private");
  EXPECT_EQ(asked, 0);
  const auto keys = FetchKeySet(site.Uri("/keys"), Loopback());
  EXPECT_EQ(keys.value_or(keys.status().ToString()), kKeys);
  EXPECT_EQ(asked, 1);
}

TEST(FetchKeySet, ARedirectLeadsNowhereElse) {
  Site site([](httplib::Server* server) {
    const auto to = [server](const std::string& from, const std::string& location) {
      server->Get(from, [location](const httplib::Request&, httplib::Response& response) {
        response.status = 302;
        response.set_header("Location", location);
      });
    };
    to("/near", "/keys");
    to("/far", "http://127.0.0.2:1/keys");
    to("/metadata", "http://169.254.169.254/");
    to("/file", "file:///etc/passwd");
    to("/round", "/round");
    server->Get("/keys", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(kKeys, "application/json");
    });
  });
  const auto code = [&](const std::string& path) {
    return FetchKeySet(site.Uri(path), Loopback()).status().code();
  };
  EXPECT_EQ(code("/near"), absl::StatusCode::kOk);
  EXPECT_EQ(code("/far"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code("/metadata"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code("/file"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("/round"), absl::StatusCode::kUnavailable);
}

TEST(FetchKeySet, AnOpenIdConfigurationNamesTheKeys) {
  std::string keys_at;
  Site site([&](httplib::Server* server) {
    server->Get("/.well-known/openid-configuration", [&](const httplib::Request&,
                                                         httplib::Response& response) {
      response.set_content(absl::StrCat(R"({"jwks_uri":")", keys_at, "\"}"), "application/json");
    });
    server->Get("/keys", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(kKeys, "application/json");
    });
    server->Get("/page", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("<html>", "text/html");
    });
  });
  keys_at = site.Uri("/keys");
  const std::string configuration = site.Uri("/.well-known/openid-configuration");
  EXPECT_EQ(FetchKeySet(configuration, Loopback()).value_or(""), kKeys);
  keys_at = "http://10.0.0.1/keys";
  EXPECT_EQ(FetchKeySet(configuration, Loopback()).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(FetchKeySet(site.Uri("/page"), Loopback()).status().message(),
            "what stands there is no key set");
  EXPECT_EQ(FetchKeySet(site.Uri("/none"), Loopback()).status().message(), "answered 404");
  KeyFetcherOptions small = Loopback();
  small.max_bytes = 5;
  EXPECT_EQ(FetchKeySet(site.Uri("/keys"), small).status().message(), "the answer is too large");
  for (const char* uri : {"", "keys", "ftp://a/", "http://", "http://user@127.0.0.1/",
                          "http://a b/", "http://127.0.0.1:0/", "http://[::1/"}) {
    EXPECT_EQ(FetchKeySet(uri, Loopback()).status().code(), absl::StatusCode::kInvalidArgument)
        << uri;
  }
}

TEST(KeyFetcher, KeepsKeysWhileTheirPlaceIsDownAndForgetsThemInTime) {
  std::atomic<bool> up{false};
  std::atomic<int> asked{0}, changes{0};
  Site site([&](httplib::Server* server) {
    server->Get("/keys", [&](const httplib::Request&, httplib::Response& response) {
      ++asked;
      if (!up) {
        response.status = 503;
        return;
      }
      response.set_content(kKeys, "application/json");
    });
  });
  KeyFetcherOptions options = Loopback();
  options.refresh = options.retry = absl::Milliseconds(20);
  options.keep = absl::Seconds(1);
  options.on_change = [&] { ++changes; };
  KeyFetcher fetcher(options);
  const auto wait_for = [](const std::function<bool()>& is) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!is() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
    return is();
  };
  fetcher.Want({site.Uri("/keys")});
  ASSERT_TRUE(fetcher.WaitTried(absl::Seconds(20)));
  EXPECT_EQ(fetcher.keys()->size(), 1);  // what stands for it verifies nothing
  const std::string of_nobody = fetcher.keys()->at("");
  EXPECT_TRUE(absl::StrContains(of_nobody, R"("kty":"EC")")) << of_nobody;
  EXPECT_NE(KeyFetcher(Loopback()).keys()->at(""), of_nobody);  // nobody's, and another each time
  up = true;
  ASSERT_TRUE(wait_for([&] { return fetcher.keys()->size() == 2; }));
  EXPECT_EQ(fetcher.keys()->at(site.Uri("/keys")), kKeys);
  up = false;
  const int before = asked;
  ASSERT_TRUE(wait_for([&] { return asked >= before + 2; }));
  EXPECT_EQ(fetcher.keys()->size(), 2);
  ASSERT_TRUE(wait_for([&] { return fetcher.keys()->size() == 1; }));
  ASSERT_TRUE(wait_for([&] { return changes == 2; }));
  fetcher.Want({});
  EXPECT_TRUE(fetcher.WaitTried(absl::Seconds(1)));
}

TEST(KeyFetcher, AFailureIsNotAskedForAtOnceAgain) {
  std::atomic<int> asked{0};
  Site site([&](httplib::Server* server) {
    server->Get("/keys", [&](const httplib::Request&, httplib::Response& response) {
      ++asked;
      response.status = 500;
    });
  });
  KeyFetcher fetcher(Loopback());
  fetcher.Want({site.Uri("/keys")});
  ASSERT_TRUE(fetcher.WaitTried(absl::Seconds(20)));
  // Asking for the same again, as every change of the configuration does, asks nobody.
  for (int i = 0; i < 100; ++i) fetcher.Want({site.Uri("/keys")});
  fetcher.Want({site.Uri("/keys"), site.Uri("/other")});
  ASSERT_TRUE(fetcher.WaitTried(absl::Seconds(20)));
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace mesh::discovery
