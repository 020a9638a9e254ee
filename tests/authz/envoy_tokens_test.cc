// RequestAuthentications and AuthorizationPolicies, translated, in front of a stock Envoy and of
// mesh-proxy: both take them, and both answer signed tokens alike.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "mesh/authz/jwt.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/proxy.h"
#include "mesh/tls/key.h"
#include "mesh/translate/translate.h"
#include "mesh/translate/world.h"
#include "nlohmann/json.hpp"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;
using HttpManager =
    ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using ListenerProto = ::envoy::config::listener::v3::Listener;

class Issuer {
 public:
  explicit Issuer(std::string name) : name_(std::move(name)) {}
  std::string Token(const std::string& claims) const {
    return authz::SignToken(
               absl::StrCat(R"({"iss":")", name_, R"(","exp":4000000000)", claims, "}"), "k1",
               tls::SignatureAlgorithm::kEs256, key_)
        .value();
  }
  std::string Keys() const {
    const std::string& der = key_.public_key().der();
    return absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k1","x":")",
                        absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)), R"(","y":")",
                        absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}");
  }

 private:
  const std::string name_;
  const tls::PrivateKey key_ = tls::PrivateKey::Generate().value();
};

constexpr char kWorkload[] = R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: foo, labels: {app: web}}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
)";
constexpr char kPolicies[] = R"(apiVersion: security.istio.io/v1beta1
kind: RequestAuthentication
metadata: {name: tokens, namespace: foo}
spec:
  jwtRules:
  - {issuer: "https://one.example", jwksUri: "https://one.example/keys", audiences: [web, api]}
  - {issuer: "https://two.example/x", jwksUri: "https://two.example/keys",
     fromHeaders: [{name: x-token, prefix: "T "}], fromParams: [t]}
  - {issuer: "https://down.example", jwksUri: "https://down.example/keys"}
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: foo}
spec:
  action: DENY
  rules:
  - when: [{key: "request.auth.claims[groups]", values: [banned]}]
  - to: [{operation: {hosts: [secret.example]}}]
  - when: [{key: "request.headers[x-role]", values: [evil]}]
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: allow, namespace: foo}
spec:
  rules:
  - to: [{operation: {paths: ["/public*"]}}]
  - from: [{source: {requestPrincipals: ["https://one.example/alice"]}}]
  - from: [{source: {requestPrincipals: ["https://two.example/*"]}}]
    to: [{operation: {paths: ["/two*"]}}]
  - to: [{operation: {paths: ["/scope"]}}]
    when: [{key: "request.auth.claims[scope]", values: [write]}]
  - to: [{operation: {paths: ["/nested"]}}]
    when: [{key: "request.auth.claims[realm][role]", values: ["adm*"]}]
  - to: [{operation: {paths: ["/aud"]}}]
    when: [{key: "request.auth.audiences", values: [api]}]
  - to: [{operation: {paths: ["/azp"]}}]
    when: [{key: "request.auth.presenter", values: [app]}]
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {paths: ["/nobody"]}}]
)";

// The plaintext HTTP chain of port 8080, which answers 200 to whatever it lets through.
HttpManager InboundManager(const translate::KeySets& keys) {
  const config::ReadResult read = config::ReadYaml("web.yaml", absl::StrCat(kWorkload, kPolicies));
  for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString();
  translate::WorldOptions options;
  options.key_sets = std::make_shared<const translate::KeySets>(keys);
  const auto world = translate::World::Build(config::Snapshot::Of(read.resources), options);
  const auto node = world->NodeOf("web-0.foo");
  const translate::Output output = translate::Translate(*world, *node);
  for (const auto& resource : output.listeners) {
    if (resource->name != "virtualInbound") continue;
    ListenerProto listener;
    EXPECT_TRUE(listener.ParseFromString(resource->bytes));
    for (const auto& chain : listener.filter_chains()) {
      HttpManager manager;
      if (chain.filter_chain_match().destination_port().value() != 8080 ||
          chain.has_transport_socket() || !chain.filters(0).typed_config().UnpackTo(&manager)) {
        continue;
      }
      manager.clear_access_log();
      auto* const route =
          manager.mutable_route_config()->mutable_virtual_hosts(0)->mutable_routes(0);
      route->clear_route();
      route->clear_typed_per_filter_config();
      route->mutable_direct_response()->set_status(200);
      return manager;
    }
  }
  ADD_FAILURE() << "no chain";
  return {};
}

ListenerProto ListenerWith(const HttpManager& manager) {
  ListenerProto listener;
  listener.set_name("in");
  auto* const filter = listener.add_filter_chains()->add_filters();
  filter->set_name("http");
  filter->mutable_typed_config()->PackFrom(manager);
  return listener;
}

Json ToJson(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return Json::parse(text);
}

TEST(EnvoyTokens, AStockEnvoyAndOursAnswerAlike) {
  const auto binary = FindEnvoy();
  if (!binary.ok()) {
    const char* required = getenv("REQUIRE_PEERS");
    ASSERT_FALSE(required != nullptr && std::string(required) == "1") << binary.status();
    GTEST_SKIP() << binary.status();
  }
  const Issuer one("https://one.example"), two("https://two.example/x"),
      down("https://down.example"), stranger("https://three.example"),
      impostor("https://one.example");
  const HttpManager manager =
      InboundManager({{"https://one.example/keys", one.Keys()},
                      {"https://two.example/keys", two.Keys()},
                      {"", Issuer("nobody").Keys()}});  // for those that are down

  std::string directory = "/tmp/mesh-jwtXXXXXX";  // a socket's path is short
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  ListenerProto piped = ListenerWith(manager);
  piped.mutable_address()->mutable_pipe()->set_path(directory + "/in.sock");
  const Json last = {
      {"virtual_hosts", Json::array({{{"name", "v"}, {"domains", Json::array({"*"})}}})}};
  const auto envoy = EnvoyPeer::Start(*binary, directory, {last},
                                      Json{{"listeners", Json::array({ToJson(piped)})}});
  ASSERT_TRUE(envoy.ok()) << envoy.status();

  ListenerProto bound = ListenerWith(manager);
  bound.mutable_address()->mutable_socket_address()->set_address("127.0.0.1");
  bound.mutable_address()->mutable_socket_address()->set_port_value(0);
  const auto loaded = envoy::LoadListener(bound);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto ours = proxy::Proxy::Start({});
  ASSERT_TRUE(ours.ok());
  proxy::ProxyConfig config;
  config.listeners.push_back(*loaded);
  ASSERT_TRUE((*ours)->Apply(std::move(config)).ok());
  httplib::Client client("127.0.0.1", (*ours)->ListenerPort("in"));
  client.set_keep_alive(true);
  client.set_url_encode(false);

  const auto bearer = [](const std::string& token) {
    return absl::StrCat("authorization: Bearer ", token, "\r\n");
  };
  const std::string alice = one.Token(R"(,"sub":"alice","aud":"web")");
  const std::string bob = one.Token(R"(,"sub":"bob","aud":["web","x"])");
  const struct {
    const char* name;
    std::string target, headers, host;
    int status;
    const char* body;
  } rows[] = {
      {"no token, and none needed", "/public", "", "a", 200, ""},
      {"no token where one is needed", "/", "", "a", 403, "RBAC: access denied"},
      {"alice", "/", bearer(alice), "a", 200, ""},
      {"bob", "/", bearer(bob), "a", 403, "RBAC: access denied"},
      {"bob where nobody is asked", "/public/x", bearer(bob), "a", 200, ""},
      {"alice signed by another key", "/public",
       bearer(impostor.Token(R"(,"sub":"alice","aud":"web")")), "a", 401, "Jwt verification fails"},
      {"alice's signature under bob's words", "/public",
       bearer(bob.substr(0, bob.rfind('.')) + alice.substr(alice.rfind('.'))), "a", 401,
       "Jwt verification fails"},
      {"for another audience", "/public", bearer(one.Token(R"(,"sub":"alice","aud":"other")")), "a",
       403, "Audiences in Jwt are not allowed"},
      {"early", "/public", bearer(one.Token(R"(,"sub":"alice","aud":"web","nbf":3999999999)")), "a",
       401, "Jwt not yet valid"},
      {"of nobody known", "/public", bearer(stranger.Token(R"(,"sub":"alice")")), "a", 401,
       "Jwt issuer is not configured"},
      {"of an issuer whose keys are down", "/public", bearer(down.Token(R"(,"sub":"alice")")), "a",
       401, "Jwt verification fails"},
      {"no token at all", "/public", bearer("a.b"), "a", 401,
       "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
      {"two's in its own header", "/two",
       absl::StrCat("x-token: T ", two.Token(R"(,"sub":"c")"), "\r\n"), "a", 200, ""},
      {"two's in its parameter", absl::StrCat("/two?t=", two.Token(R"(,"sub":"c")")), "", "a", 200,
       ""},
      {"two's where one's stand", "/two", bearer(two.Token(R"(,"sub":"c")")), "a", 401,
       "Jwt issuer is not configured"},
      {"two's elsewhere", "/x", absl::StrCat("x-token: T ", two.Token(R"(,"sub":"c")"), "\r\n"),
       "a", 403, "RBAC: access denied"},
      {"a scope among others", "/scope",
       bearer(one.Token(R"(,"sub":"b","aud":"web","scope":"read write")")), "a", 200, ""},
      {"another scope", "/scope", bearer(one.Token(R"(,"sub":"b","aud":"web","scope":"rewrite")")),
       "a", 403, "RBAC: access denied"},
      {"a scope in a list", "/scope",
       bearer(one.Token(R"(,"sub":"b","aud":"web","scope":["read","write"])")), "a", 200, ""},
      {"a nested claim", "/nested",
       bearer(one.Token(R"(,"sub":"b","aud":"web","realm":{"role":["user","admin"]})")), "a", 200,
       ""},
      {"another nested claim", "/nested",
       bearer(one.Token(R"(,"sub":"b","aud":"web","realm":{"role":["user"]})")), "a", 403,
       "RBAC: access denied"},
      {"an audience of several", "/aud", bearer(one.Token(R"(,"sub":"b","aud":["web","api"])")),
       "a", 200, ""},
      {"a presenter", "/azp", bearer(one.Token(R"(,"sub":"b","aud":"web","azp":"app")")), "a", 200,
       ""},
      {"without subject there is no principal", "/nobody", bearer(one.Token(R"(,"aud":"web")")),
       "a", 200, ""},
      {"a principal where none may be", "/nobody", bearer(bob), "a", 403, "RBAC: access denied"},
      {"a banned group", "/public",
       bearer(one.Token(R"(,"sub":"alice","aud":"web","groups":["x","banned"])")), "a", 403,
       "RBAC: access denied"},
      {"a secret host", "/public", "", "SECRET.example.:80", 403, "RBAC: access denied"},
      {"a role behind a comma", "/public", "x-role: good, evil\r\n", "a", 403,
       "RBAC: access denied"},
      {"a role in another line", "/public", "x-role: good\r\nx-role: evil\r\n", "a", 403,
       "RBAC: access denied"},
  };
  int alike = 0;
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto theirs = PeerClient(directory + "/in.sock")
                            .Ask({absl::StrCat("GET ", row.target, " HTTP/1.1\r\nhost: ", row.host,
                                               "\r\n", row.headers, "\r\n")});
    httplib::Headers headers = {{"Host", row.host}};
    for (size_t at = 0; at < row.headers.size();) {
      const size_t end = row.headers.find("\r\n", at), colon = row.headers.find(": ", at);
      headers.emplace(row.headers.substr(at, colon - at),
                      row.headers.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    const auto mine = client.Get(row.target, headers);
    ASSERT_TRUE(mine);
    EXPECT_EQ(theirs[0].status, row.status);
    EXPECT_EQ(mine->status, row.status);
    EXPECT_EQ(mine->body, theirs[0].body);
    if (row.body != nullptr) {
      EXPECT_EQ(mine->body, row.body);
    }
    alike += mine->status == theirs[0].status && mine->body == theirs[0].body;
  }
  EXPECT_EQ(alike, std::size(rows));
}

}  // namespace
}  // namespace mesh
