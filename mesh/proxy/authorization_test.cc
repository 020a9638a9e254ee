// Who may go on: RBAC, tokens and external services in a request's way, over real sockets.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/authz/jwt.h"
#include "mesh/proxy/testing.h"
#include "mesh/proxy/tls_testing.h"
#include "mesh/tls/key.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::Ok;
using testing::Peer;
using testing::Server;
using testing::StartProxy;
using testing::Stat;
using testing::StaticCluster;
using testing::ToCluster;

std::string Mirror(const Peer::Message& request) {
  std::string text = request.start + "\n";
  for (const auto& [name, value] : request.headers) absl::StrAppend(&text, name, ": ", value, "\n");
  return Ok(absl::StrCat(text, "\n", request.body));
}

std::string Filter(const std::string& name, const std::string& type, const std::string& config) {
  return absl::StrCat(
      R"({"name":")", name,
      R"(","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.)", type,
      "\"", config.empty() ? "" : ",", config, "}}");
}
// An RBAC filter named "rbac" with one policy about paths.
std::string Rbac(const std::string& action, const std::string& path,
                 const std::string& field = "rules") {
  return Filter(
      "rbac", "rbac.v3.RBAC",
      absl::StrCat(
          "\"", field, R"(":{"action":")", action,
          R"(","policies":{"ns[foo]-policy[p]-rule[0]":{"permissions":[{"url_path":{"path":{"prefix":")",
          path, R"("}}}],"principals":[{"any":true}]}}})"));
}

struct Served {
  explicit Served(const std::string& filters, const std::string& manager = "",
                  const std::string& virtual_hosts = ToCluster("up"),
                  std::vector<envoy::Cluster> more = {})
      : server(Server::Answering(Mirror)) {
    more.push_back(StaticCluster("up", {server.port()}));
    proxy = StartProxy({.clusters = std::move(more),
                        .listeners = {HttpListener(virtual_hosts, manager, "in", filters)}});
  }
  Peer::Message Ask(const std::string& path, const std::string& headers = "",
                    const std::string& method = "GET") {
    Peer client = Connect(proxy->ListenerPort("in"));
    EXPECT_TRUE(client.Send(
        absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: a.example\r\n", headers, "\r\n")));
    return client.Read().value_or(Peer::Message());
  }
  Server server;
  std::unique_ptr<Proxy> proxy;
};

TEST(AuthorizationTest, RbacDeniesAndAllows) {
  Served served(Rbac("DENY", "/admin"));
  EXPECT_EQ(served.Ask("/public").status(), 200);
  const Peer::Message denied = served.Ask("/admin/x");
  EXPECT_EQ(denied.status(), 403);
  EXPECT_EQ(denied.body, "RBAC: access denied");
  EXPECT_EQ(denied.Header("content-type"), "text/plain");
  EXPECT_FALSE(denied.Has("x-mesh-denied-by"));
  EXPECT_EQ(Stat(*served.proxy, "http.in.rbac.allowed"), 1u);
  EXPECT_EQ(Stat(*served.proxy, "http.in.rbac.denied"), 1u);
  EXPECT_NE(served.proxy->Admin("/stats/prometheus")
                .find("envoy_http_rbac_denied{envoy_http_conn_manager_prefix=\"in\"} 1"),
            std::string::npos);

  Served only(Rbac("ALLOW", "/public"));
  EXPECT_EQ(only.Ask("/public").status(), 200);
  EXPECT_EQ(only.Ask("/").status(), 403);
}

TEST(AuthorizationTest, ADenialComesBeforeWhateverTheRouteWouldAnswer) {
  const std::string nowhere =
      R"({"name":"v","domains":["b.example"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"up"}}]})";
  Served served(Rbac("DENY", "/admin"), "", nowhere);
  EXPECT_EQ(served.Ask("/admin").status(), 403);
  EXPECT_EQ(served.Ask("/").status(), 404);
}

TEST(AuthorizationTest, TheLogAndTheHeaderNameThePolicy) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/authorization.log");
  std::remove(path.c_str());
  ProxyOptions options;
  options.explain_denials = true;
  auto proxy = Proxy::Start(options);
  ASSERT_TRUE(proxy.ok());
  ProxyConfig config;
  config.listeners.push_back(HttpListener(
      ToCluster("up"),
      absl::StrCat(
          R"("access_log":[{"name":"f","typed_config":{"@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog","path":")",
          path,
          R"(","log_format":{"text_format_source":{"inline_string":"%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"}}}}])"),
      "in", Rbac("DENY", "/a") + "," + Rbac("ALLOW", "/b")));
  ASSERT_TRUE((*proxy)->Apply(std::move(config)).ok());
  for (const char* target : {"/a", "/c"}) {
    Peer client = Connect((*proxy)->ListenerPort("in"));
    client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->Header("x-mesh-denied-by"),
              absl::StrCat("rbac_access_denied_matched_policy[",
                           target[1] == 'a' ? "ns[foo]-policy[p]-rule[0]" : "none", "]"));
  }
  (*proxy)->Stop();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(),
            "/a 403 - rbac_access_denied_matched_policy[ns[foo]-policy[p]-rule[0]]\n"
            "/c 403 - rbac_access_denied_matched_policy[none]\n");
}

TEST(AuthorizationTest, TheFileAndLineOfAPolicyAreNamedWhereTheyAreKnown) {
  ProxyOptions options;
  options.explain_denials = true;
  auto proxy = Proxy::Start(options);
  ASSERT_TRUE(proxy.ok());
  const std::string rules = absl::StrReplaceAll(
      Rbac("DENY", "/a"), {{"-rule[0]", "-rule[0]@mesh/authz of:all.yaml:12:5"}});
  ProxyConfig config;
  config.listeners.push_back(HttpListener(ToCluster("up"), "", "in", rules));
  ASSERT_TRUE((*proxy)->Apply(std::move(config)).ok());
  Peer client = Connect((*proxy)->ListenerPort("in"));
  client.Send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = client.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status(), 403);
  EXPECT_EQ(answer->Header("x-mesh-denied-by"),
            "rbac_access_denied_matched_policy[ns[foo]-policy[p]-rule[0]]"
            "{mesh/authz_of:all.yaml:12:5}");
}

TEST(AuthorizationTest, ADryRunTellsAndDeniesNothing) {
  Served served(Rbac("DENY", "/admin", "shadow_rules"));
  EXPECT_EQ(served.Ask("/admin").status(), 200);
  EXPECT_EQ(served.Ask("/").status(), 200);
  EXPECT_EQ(Stat(*served.proxy, "http.in.rbac.shadow_denied"), 1u);
  EXPECT_EQ(Stat(*served.proxy, "http.in.rbac.shadow_allowed"), 1u);
  EXPECT_EQ(Stat(*served.proxy, "http.in.rbac.denied"), 0u);

  Served audited(Rbac("LOG", "/admin"));
  EXPECT_EQ(audited.Ask("/admin").status(), 200);
  EXPECT_EQ(Stat(*audited.proxy, "http.in.rbac.logged"), 1u);
}

TEST(AuthorizationTest, ARouteMayHaveRulesOfItsOwnOrNone) {
  const auto route = [](const std::string& prefix, const std::string& config) {
    return absl::StrCat(R"({"match":{"prefix":")", prefix,
                        R"("},"route":{"cluster":"up"},"typed_per_filter_config":{"rbac":)", config,
                        "}}");
  };
  const std::string per_route =
      R"({"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute")";
  const std::string deny_all = per_route + R"(,"rbac":{"rules":{}}})";
  const std::string off =
      R"({"@type":"type.googleapis.com/envoy.config.route.v3.FilterConfig","disabled":true})";
  Served served(
      Rbac("DENY", "/"), "",
      absl::StrCat(R"({"name":"v","domains":["*"],"routes":[)", route("/none", per_route + "}"),
                   ",", route("/off", off), ",", route("/closed", deny_all),
                   R"(,{"match":{"prefix":"/"},"route":{"cluster":"up"}}]})"));
  EXPECT_EQ(served.Ask("/none").status(), 200);
  EXPECT_EQ(served.Ask("/off").status(), 200);
  EXPECT_EQ(served.Ask("/closed").status(), 403);
  EXPECT_EQ(served.Ask("/other").status(), 403);
}

// The forms in which a path may come; `path` is what is routed, judged and sent.
TEST(AuthorizationTest, WhatIsJudgedIsWhatIsSent) {
  Served served(Rbac("DENY", "/admin"),
                R"("normalize_path":true,"merge_slashes":true,
                   "path_with_escaped_slashes_action":"UNESCAPE_AND_FORWARD")");
  for (const char* path : {"//admin", "/x/../admin", "/%61dmin", "/x/%2e%2e/admin", "/%2Fadmin",
                           "/.//admin", "/admin?x", "/\\admin", "/%5Cadmin"}) {
    EXPECT_EQ(served.Ask(path).status(), 403) << path;
  }
  EXPECT_EQ(served.Ask("/admin#x").status(), 400);
  const Peer::Message sent = served.Ask("/a//b/../c");
  EXPECT_EQ(sent.body.substr(0, sent.body.find('\n')), "GET /a/c HTTP/1.1");
}

class Issuer {
 public:
  std::string Token(const std::string& claims) const {
    return authz::SignToken(absl::StrCat(R"({"iss":"https://i","exp":4000000000,)", claims, "}"),
                            "", tls::SignatureAlgorithm::kEs256, key_)
        .value();
  }
  std::string Keys() const {
    const std::string& der = key_.public_key().der();
    return absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","x":")",
                        absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)), R"(","y":")",
                        absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}");
  }
  // A jwt_authn filter that lets requests without a token pass.
  std::string Filter(const std::string& more = "", const std::string& keys = "") const {
    return ::mesh::proxy::Filter(
        "jwt", "jwt_authn.v3.JwtAuthentication",
        absl::StrCat(
            R"("providers":{"p":{"issuer":"https://i","local_jwks":{"inline_string":")",
            absl::StrReplaceAll(keys.empty() ? Keys() : keys, {{"\"", "\\\""}}),
            R"("},"payload_in_metadata":"payload")", more.empty() ? "" : ",", more,
            R"(}},"rules":[{"match":{"prefix":"/"},"requires":{"requires_any":{"requirements":[
               {"provider_name":"p"},{"allow_missing":{}}]}}}])"));
  }

 private:
  const tls::PrivateKey key_ = tls::PrivateKey::Generate().value();
};

// Allows whose token has this subject.
std::string OnlySubject(const std::string& subject) {
  return Filter(
      "rbac", "rbac.v3.RBAC",
      absl::StrCat(R"("rules":{"policies":{"p":{"permissions":[{"any":true}],"principals":[
                  {"metadata":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"sub"}],
                   "value":{"string_match":{"exact":")",
                   subject, R"("}}}}]}}})"));
}

TEST(AuthorizationTest, TokensAndTheRulesAboutThem) {
  const Issuer issuer;
  Served served(issuer.Filter() + "," + OnlySubject("alice"));
  const auto bearer = [](const std::string& token) {
    return absl::StrCat("Authorization: Bearer ", token, "\r\n");
  };
  EXPECT_EQ(served.Ask("/").status(), 403);
  const Peer::Message good = served.Ask("/", bearer(issuer.Token(R"("sub":"alice")")));
  EXPECT_EQ(good.status(), 200);
  EXPECT_EQ(good.body.find("authorization"), std::string::npos);  // not the upstream's to have
  EXPECT_EQ(served.Ask("/", bearer(issuer.Token(R"("sub":"bob")"))).status(), 403);

  const Peer::Message bad = served.Ask("/p?q", bearer(Issuer().Token(R"("sub":"alice")")));
  EXPECT_EQ(bad.status(), 401);
  EXPECT_EQ(bad.body, "Jwt verification fails");
  EXPECT_EQ(bad.Header("www-authenticate"),
            "Bearer realm=\"http://a.example/p\", error=\"invalid_token\"");
  EXPECT_EQ(Stat(*served.proxy, "http.in.jwt_authn.allowed"), 3u);
  EXPECT_EQ(Stat(*served.proxy, "http.in.jwt_authn.denied"), 1u);
}

TEST(AuthorizationTest, ATokenInTheQueryIsTakenOut) {
  const Issuer issuer;
  Served served(issuer.Filter() + "," + OnlySubject("alice"));
  const Peer::Message r =
      served.Ask(absl::StrCat("/?a=1&access_token=", issuer.Token(R"("sub":"alice")"), "&b"));
  EXPECT_EQ(r.body.substr(0, r.body.find('\n')), "GET /?a=1&b HTTP/1.1");
}

TEST(AuthorizationTest, KeysThatCouldNotBeHadRefuseTheIssuersTokens) {
  const Issuer issuer;
  Served served(issuer.Filter("", R"({"keys":[]})"));
  EXPECT_EQ(served.Ask("/").status(), 200);
  const Peer::Message r = served.Ask(
      "/", absl::StrCat("Authorization: Bearer ", issuer.Token(R"("sub":"alice")"), "\r\n"));
  EXPECT_EQ(r.status(), 401);
  EXPECT_EQ(r.body, "Jwks doesn't have any valid public key");
}

TEST(AuthorizationTest, AClientCannotForgeWhatAFilterWrites) {
  const Issuer issuer;
  const std::string virtual_hosts =
      R"({"name":"v","domains":["*"],"routes":[
          {"match":{"prefix":"/","headers":[{"name":"x-claims","present_match":true}]},"direct_response":{"status":418}},
          {"match":{"prefix":"/"},"route":{"cluster":"up"}}]})";
  Served served(issuer.Filter(R"("forward_payload_header":"x-claims")"), "", virtual_hosts);
  const Peer::Message forged = served.Ask("/", "X-Claims: forged\r\n");
  EXPECT_EQ(forged.status(), 200);
  EXPECT_EQ(forged.body.find("x-claims"), std::string::npos);
  const Peer::Message real =
      served.Ask("/", absl::StrCat("X-Claims: forged\r\nAuthorization: Bearer ",
                                   issuer.Token(R"("sub":"alice")"), "\r\n"));
  EXPECT_EQ(real.body.find("forged"), std::string::npos);
  EXPECT_NE(real.body.find("x-claims: eyJ"), std::string::npos);
}

TEST(AuthorizationTest, BytesThatAreNoTextAreDeniedWhereThereAreRules) {
  Served served(Rbac("DENY", "/nowhere"));
  EXPECT_GE(served.Ask("/\xff").status(), 400);
  // A header's bytes are its own affair, and no way around the rules.
  EXPECT_EQ(served.Ask("/", "X-A: \xff\xfe\r\n").status(), 200);
  EXPECT_EQ(served.Ask("/nowhere", "X-A: \xff\xfe\r\n").status(), 403);
}

TEST(AuthorizationTest, AConnectionIsJudgedBeforeItGoesOn) {
  Server server([](Peer& peer) { peer.Send(peer.ReadSome(100)); });
  const auto listener = [](const std::string& name, const std::string& block) {
    return testing::ListenerFromJson(
        absl::StrCat(R"({"name":")", name,
                     R"(","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
        "filter_chains":[{"filters":[
          {"name":"rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
           "stat_prefix":"tcp.","rules":{"policies":{"p":{"permissions":[{"any":true}],
           "principals":[{"direct_remote_ip":{"address_prefix":")",
                     block, R"(","prefix_len":32}}]}}}}},
          {"name":"tcp","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
           "stat_prefix":"t","cluster":"up"}}]}]})"));
  };
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server.port()})},
                  .listeners = {listener("open", "127.0.0.1"), listener("shut", "10.0.0.1")}});
  Peer welcome = Connect(proxy->ListenerPort("open"));
  welcome.Send("hello");
  EXPECT_EQ(welcome.ReadSome(100), "hello");
  Peer refused = Connect(proxy->ListenerPort("shut"));
  EXPECT_TRUE(refused.AtEnd());
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(Stat(*proxy, "http.shut.rbac.denied"), 1u);
  EXPECT_EQ(Stat(*proxy, "http.open.rbac.allowed"), 1u);
}

// A real authorization service.
class Service final : public ::envoy::service::auth::v3::Authorization::Service {
 public:
  using Request = ::envoy::service::auth::v3::CheckRequest;
  using Response = ::envoy::service::auth::v3::CheckResponse;
  explicit Service(std::function<grpc::Status(const Request&, Response*)> answer)
      : answer_(std::move(answer)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Service() override { server_->Shutdown(std::chrono::system_clock::now()); }
  uint16_t port() const { return static_cast<uint16_t>(port_); }

  grpc::Status Check(grpc::ServerContext*, const Request* request, Response* response) override {
    return answer_(*request, response);
  }

 private:
  const std::function<grpc::Status(const Request&, Response*)> answer_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

std::string ExtAuthz(const std::string& more = "") {
  return Filter(
      "ext", "ext_authz.v3.ExtAuthz",
      absl::StrCat(R"("grpc_service":{"envoy_grpc":{"cluster_name":"authz"},"timeout":"10s"},
                               "transport_api_version":"V3")",
                   more.empty() ? "" : ",", more));
}

TEST(AuthorizationTest, AServiceIsAskedAndObeyed) {
  Service service([](const Service::Request& request, Service::Response* response) {
    const auto& http = request.attributes().request().http();
    EXPECT_EQ(http.method(), "POST");
    EXPECT_EQ(http.host(), "a.example");
    EXPECT_EQ(request.attributes().source().address().socket_address().address(), "127.0.0.1");
    if (http.path() == "/yes") {
      auto* const header = response->mutable_ok_response()->add_headers();
      header->mutable_header()->set_key("x-user");
      header->mutable_header()->set_value(http.headers().at("x-a"));
      response->mutable_ok_response()->add_headers_to_remove("x-a");
      // Not the service's to set.
      auto* const host = response->mutable_ok_response()->add_headers();
      host->mutable_header()->set_key("host");
      host->mutable_header()->set_value("evil");
      return grpc::Status::OK;
    }
    response->mutable_status()->set_code(7);
    response->mutable_denied_response()->mutable_status()->set_code(
        ::envoy::type::v3::StatusCode::Unauthorized);
    auto* const header = response->mutable_denied_response()->add_headers();
    header->mutable_header()->set_key("x-why");
    header->mutable_header()->set_value("because");
    response->mutable_denied_response()->set_body("no");
    return grpc::Status::OK;
  });
  Served served(ExtAuthz(), "", ToCluster("up"), {StaticCluster("authz", {service.port()})});
  const Peer::Message yes = served.Ask("/yes",
                                       "X-A: \xff"
                                       "alice\r\nContent-Length: 3\r\n\r\nabc",
                                       "POST");
  EXPECT_EQ(yes.status(), 200);
  EXPECT_NE(yes.body.find("x-user: !alice\n"), std::string::npos) << yes.body;
  EXPECT_EQ(yes.body.find("x-a:"), std::string::npos);
  EXPECT_EQ(yes.body.find("evil"), std::string::npos);
  EXPECT_EQ(yes.body.substr(yes.body.size() - 3), "abc");
  const Peer::Message no = served.Ask("/no", "Content-Length: 0\r\n", "POST");
  EXPECT_EQ(no.status(), 401);
  EXPECT_EQ(no.body, "no");
  EXPECT_EQ(no.Header("x-why"), "because");
  EXPECT_EQ(Stat(*served.proxy, "http.in.ext_authz.ok"), 1u);
  EXPECT_EQ(Stat(*served.proxy, "http.in.ext_authz.denied"), 1u);
}

TEST(AuthorizationTest, WithoutAnAnswerARequestIsDenied) {
  Served nobody(ExtAuthz(), "", ToCluster("up"), {StaticCluster("authz", {1})});
  EXPECT_EQ(nobody.Ask("/").status(), 403);
  EXPECT_EQ(Stat(*nobody.proxy, "http.in.ext_authz.error"), 1u);
  Served no_cluster(ExtAuthz(R"("status_on_error":{"code":"ServiceUnavailable"})"));
  EXPECT_EQ(no_cluster.Ask("/").status(), 503);
  Served lenient(ExtAuthz(R"("failure_mode_allow":true,"failure_mode_allow_header_add":true)"));
  const Peer::Message r = lenient.Ask("/");
  EXPECT_EQ(r.status(), 200);
  EXPECT_NE(r.body.find("x-envoy-auth-failure-mode-allowed: true"), std::string::npos);
  EXPECT_EQ(Stat(*lenient.proxy, "http.in.ext_authz.failure_mode_allowed"), 1u);
}

TEST(AuthorizationTest, WhileAServiceThinksOthersAreServedAndAClientMayGo) {
  absl::Notification asked, think;
  Service service([&](const Service::Request& request, Service::Response*) {
    if (request.attributes().request().http().path() == "/slow") {
      asked.Notify();
      think.WaitForNotification();
    }
    return grpc::Status::OK;
  });
  Served served(ExtAuthz(), "", ToCluster("up"), {StaticCluster("authz", {service.port()})});
  {
    Peer gone = Connect(served.proxy->ListenerPort("in"));
    gone.Send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    asked.WaitForNotification();
  }
  EXPECT_EQ(served.Ask("/").status(), 200);
  ASSERT_TRUE(testing::WaitForStat(*served.proxy, "http.in.downstream_rq_active", 0));
  think.Notify();
  EXPECT_EQ(served.Ask("/").status(), 200);
}

TEST(AuthorizationTest, AServiceThatTakesTooLongIsNotWaitedFor) {
  absl::Notification think;
  Service service([&](const Service::Request&, Service::Response*) {
    think.WaitForNotification();
    return grpc::Status::OK;
  });
  const std::string filter = absl::StrReplaceAll(ExtAuthz(), {{"\"10s\"", "\"0.050s\""}});
  Served served(filter, "", ToCluster("up"), {StaticCluster("authz", {service.port()})});
  EXPECT_EQ(served.Ask("/").status(), 403);
  think.Notify();
}

// How CUSTOM policies come: rules that are judged but not enforced, and a service that is asked
// where one of them matched.
TEST(AuthorizationTest, OnlyWhatARuleNamesIsAskedAbout) {
  std::atomic<int> asked{0};
  Service service([&](const Service::Request&, Service::Response* response) {
    ++asked;
    response->mutable_status()->set_code(7);
    return grpc::Status::OK;
  });
  const std::string shadow = absl::StrReplaceAll(
      Rbac("DENY", "/admin", "shadow_rules"),
      {{"\"shadow_rules\"", R"("shadow_rules_stat_prefix":"ext_","shadow_rules")"}});
  Served served(
      shadow + "," + ExtAuthz(R"("filter_enabled_metadata":{"filter":"envoy.filters.http.rbac",
            "path":[{"key":"ext_shadow_effective_policy_id"}],"value":{"string_match":{"prefix":"ns["}}})"),
      "", ToCluster("up"), {StaticCluster("authz", {service.port()})});
  EXPECT_EQ(served.Ask("/").status(), 200);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(served.Ask("/admin").status(), 403);
  EXPECT_EQ(asked, 1);
}

// An RBAC filter that allows one identity alone.
std::string OnlyPeer(const std::string& uri) {
  return Filter(
      "rbac", "rbac.v3.RBAC",
      absl::StrCat(R"("rules":{"policies":{"p":{"permissions":[{"any":true}],"principals":[
                  {"authenticated":{"principal_name":{"exact":")",
                   uri, R"("}}}]}}})"));
}

TEST(AuthorizationTest, ThePeersCertificateSaysWhoItIs) {
  const testing::TestMesh mesh;
  Server server(Server::Answering(Mirror));
  envoy::Listener listener = testing::InboundListener(testing::Mode::kPermissive, "up");
  const auto guarded = HttpListener(ToCluster("up"), "", "in", OnlyPeer(testing::MeshId("shop")));
  for (envoy::FilterChain& chain : listener.chains) {
    std::get<envoy::HttpConnectionManager>(chain.filter).authorization =
        std::get<envoy::HttpConnectionManager>(guarded.chains[0].filter).authorization;
  }
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server.port()})}, .listeners = {listener}}, {},
                 mesh.SecretsOf("server"));
  const auto status = [&](const char* as) {
    Peer client = Connect(proxy->ListenerPort("in"));
    if (as != nullptr) {
      EXPECT_TRUE(client.StartTls(mesh.ClientOf(as)));
    }
    // What a header says of a certificate is nobody's identity.
    EXPECT_TRUE(client.Send(absl::StrCat(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=", testing::MeshId("shop"),
        "\r\n\r\n")));
    const auto answer = client.Read();
    return answer.has_value() ? answer->status() : 0;
  };
  EXPECT_EQ(status("shop"), 200);
  EXPECT_EQ(status("other"), 403);
  EXPECT_EQ(status(nullptr), 403);
}

TEST(AuthorizationTest, ATcpConnectionIsJudgedAfterItsHandshake) {
  const testing::TestMesh mesh;
  Server server([](Peer& peer) { peer.Send(peer.ReadSome(100)); });
  envoy::Listener listener = testing::ListenerFromJson(absl::StrCat(
      R"({"name":"in","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
      "filter_chains":[{"transport_socket":)",
      testing::MeshServerSocket(), R"(,"filters":[
        {"name":"rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
         "stat_prefix":"tcp.","rules":{"policies":{"p":{"permissions":[{"requested_server_name":{"exact":"db.example"}}],
         "principals":[{"authenticated":{"principal_name":{"exact":")",
      testing::MeshId("shop"), R"("}}}]}}}}},
        {"name":"tcp","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
         "stat_prefix":"t","cluster":"up"}}]}]})"));
  auto proxy =
      StartProxy({.clusters = {StaticCluster("up", {server.port()})}, .listeners = {listener}}, {},
                 mesh.SecretsOf("server"));
  const auto answer = [&](const char* as, const char* server_name) {
    Peer client = Connect(proxy->ListenerPort("in"));
    EXPECT_TRUE(client.StartTls(mesh.ClientOf(as), server_name));
    client.Send("hello");
    return client.ReadSome(100);
  };
  EXPECT_EQ(answer("shop", "db.example"), "hello");
  EXPECT_EQ(answer("shop", "other.example"), "");
  EXPECT_EQ(answer("other", "db.example"), "");
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace mesh::proxy
