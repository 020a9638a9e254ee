#include "mesh/ctl/authz.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Authz(const std::string& input, std::vector<std::string> more) {
  std::vector<std::string> args = {"authz", "check", "-f", "-"};
  args.insert(args.end(), more.begin(), more.end());
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = Run({AddAuthz}, args, in, out, err);
  return {code, out.str(), err.str()};
}

std::string Pod(const std::string& app, const std::string& ip, bool proxy = true) {
  return absl::StrReplaceAll(
      R"(apiVersion: v1
kind: Pod
metadata: {name: APP-0, labels: {app: APP PROXY}}
spec: {serviceAccountName: APP}
status: {podIP: ADDRESS, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
)",
      {{"APP", app},
       {"ADDRESS", ip},
       {"PROXY", proxy ? ", security.istio.io/tlsMode: istio" : ""}});
}
std::string Service(const std::string& app, const std::string& port) {
  return absl::StrReplaceAll(R"(apiVersion: v1
kind: Service
metadata: {name: APP}
spec: {selector: {app: APP}, ports: [{name: PORT, port: 8080}]}
---
)",
                             {{"APP", app}, {"PORT", port}});
}
std::string Shop() {
  return absl::StrCat(Pod("cart", "10.0.0.1"), Pod("shop", "10.0.0.2"), Pod("db", "10.0.0.3"),
                      Service("cart", "http"), Service("db", "tcp"));
}
constexpr char kPolicies[] = R"(apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: no-admin}
spec:
  action: DENY
  rules:
  - to:
    - operation: {paths: ["/admin*"]}
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: shop-only}
spec:
  selector: {matchLabels: {app: cart}}
  rules:
  - from:
    - source: {principals: ["cluster.local/ns/default/sa/shop"]}
    to:
    - operation: {methods: ["GET"]}
  - from:
    - source: {namespaces: ["ops"]}
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - from:
    - source: {principals: ["*/sa/cart"]}
---
)";

constexpr char kStrictDb[] = R"(apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: db}
spec: {selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}}
)";

TEST(AuthzCheck, NamesThePolicyThatAllows) {
  const Outcome o =
      Authz(Shop() + kPolicies, {"cart-0.default", "GET", "/items?x", "--as", "default/shop"});
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(o.code, kFine);
  EXPECT_EQ(
      o.out,
      R"(ALLOWED  GET /items?x on port 8080 of cart-0.default by spiffe://cluster.local/ns/default/sa/shop
         allowed by ALLOW policy default/shop-only rule 0 (-:44:5)
         the port is PERMISSIVE, the client comes in mutual TLS

FILTER   POLICY              RULE   AT       MATCHES   DOES NOT HOLD
DENY     default/no-admin    0      -:35:5   no        path begins with "/admin"
ALLOW    default/shop-only   0      -:44:5   yes       -
ALLOW    default/shop-only   1      -:48:5   no        principal contains "/ns/ops/"
)");
}

TEST(AuthzCheck, NamesThePolicyThatDenies) {
  const Outcome o = Authz(Shop() + kPolicies, {"cart-0.default", "GET", "/x/../admin/y", "--as",
                                               "spiffe://cluster.local/ns/default/sa/shop"});
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(o.code, kFailed);
  EXPECT_EQ(
      o.out,
      R"(DENIED   GET /x/../admin/y on port 8080 of cart-0.default by spiffe://cluster.local/ns/default/sa/shop
         denied by DENY policy default/no-admin rule 0 (-:35:5)
         the port is PERMISSIVE, the client comes in mutual TLS

FILTER   POLICY             RULE   AT       MATCHES   DOES NOT HOLD
DENY     default/no-admin   0      -:35:5   yes       -
)");
}

TEST(AuthzCheck, SaysWhichPoliciesAllowNothing) {
  const Outcome o = Authz(Shop() + kPolicies, {"cart-0.default", "PUT", "/"});
  EXPECT_EQ(o.code, kFailed);
  EXPECT_EQ(o.out, R"(DENIED   PUT / on port 8080 of cart-0.default by a client without identity
         denied: no rule of the ALLOW policies matches (default/shop-only)
         the port is PERMISSIVE, the client comes in plaintext

FILTER   POLICY              RULE   AT       MATCHES   DOES NOT HOLD
DENY     default/no-admin    0      -:35:5   no        path begins with "/admin"
ALLOW    default/shop-only   0      -:44:5   no        principal is "spiffe://cluster.local/ns/default/sa/shop"
ALLOW    default/shop-only   1      -:48:5   no        principal contains "/ns/ops/"
)");
}

TEST(AuthzCheck, AsJson) {
  const Outcome o = Authz(Shop() + kPolicies, {"cart-0.default", "POST", "/", "--as",
                                               "cluster.local/ns/ops/sa/root", "-o", "json"});
  EXPECT_EQ(o.code, kFine);
  EXPECT_EQ(Json::parse(o.out), Json::parse(R"json({
    "allowed": true,
    "why": "allowed by ALLOW policy default/shop-only rule 1 (-:48:5)",
    "pod": "cart-0.default", "port": 8080, "protocol": "http", "mode": "PERMISSIVE", "tls": "mTLS",
    "as": "spiffe://cluster.local/ns/ops/sa/root", "method": "POST", "path": "/",
    "decided_by": {"policy": "default/shop-only", "rule": 1, "file": "-", "line": 48, "column": 5},
    "asked": [],
    "trace": [
      {"filter": "DENY", "policy": "default/no-admin", "rule": 0, "file": "-", "line": 35, "column": 5,
       "dry_run": false, "matched": false, "failed": "path begins with \"/admin\""},
      {"filter": "ALLOW", "policy": "default/shop-only", "rule": 0, "file": "-", "line": 44,
       "column": 5, "dry_run": false, "matched": false,
       "failed": "principal is \"spiffe://cluster.local/ns/default/sa/shop\""},
      {"filter": "ALLOW", "policy": "default/shop-only", "rule": 1, "file": "-", "line": 48,
       "column": 5, "dry_run": false, "matched": true, "failed": ""}]
})json"));
}

TEST(AuthzCheck, AsYaml) {
  const Outcome o = Authz(Shop(), {"db-0.default", "-", "--as", "default/cart", "-o", "yaml"});
  EXPECT_EQ(o.code, kFine);
  EXPECT_EQ(o.out, R"(allowed: true
why: "allowed: no policy denies it and none asks for more"
pod: db-0.default
port: 8080
protocol: tcp
mode: PERMISSIVE
tls: mTLS
as: "spiffe://cluster.local/ns/default/sa/cart"
decided_by: null
asked: []
trace: []
)");
}

TEST(AuthzCheck, WhoReachesWhomUnderWhichTls) {
  const Outcome o = Authz(Shop() + kPolicies + kStrictDb, {"--matrix"});
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(o.code, kFine);
  EXPECT_EQ(
      o.out,
      R"(FROM                 TO               PORT        MODE         TLS         VERDICT   BY
default/cart         cart-0.default   8080/http   PERMISSIVE   mTLS        deny      no rule of the ALLOW policies matches (default/shop-only)
default/db           cart-0.default   8080/http   PERMISSIVE   mTLS        deny      no rule of the ALLOW policies matches (default/shop-only)
default/shop         cart-0.default   8080/http   PERMISSIVE   mTLS        depends   DENY default/no-admin rule 0 (-:35:5); ALLOW default/shop-only rule 0 (-:44:5)
(outside the mesh)   cart-0.default   8080/http   PERMISSIVE   plaintext   deny      no rule of the ALLOW policies matches (default/shop-only)
default/cart         db-0.default     8080/tcp    STRICT       mTLS        deny      DENY default/no-admin rule 0 (-:35:5)
default/db           db-0.default     8080/tcp    STRICT       mTLS        deny      DENY default/no-admin rule 0 (-:35:5)
default/shop         db-0.default     8080/tcp    STRICT       mTLS        deny      DENY default/no-admin rule 0 (-:35:5)
(outside the mesh)   db-0.default     8080/tcp    STRICT       refused     deny      refused: the port takes mutual TLS alone (STRICT), the client comes in plaintext
)");
}

TEST(AuthzCheck, WhatCannotBeCheckedIsSaid) {
  const Outcome nobody = Authz(Shop(), {"none.default", "GET", "/"});
  EXPECT_EQ(nobody.code, kFailed);
  EXPECT_EQ(
      nobody.err,
      "meshctl: no pod none.default; there are cart-0.default, db-0.default, shop-0.default\n");
  const Outcome port = Authz(Shop(), {"cart-0.default", "GET", "/", "--port", "1"});
  EXPECT_EQ(port.err, "meshctl: cart-0.default takes nothing on port 1; there are 8080\n");
  const Outcome silent = Authz(Shop(), {"shop-0.default", "GET", "/"});
  EXPECT_EQ(silent.err, "meshctl: shop-0.default takes nothing in: no service selects it\n");
  const Outcome header = Authz(Shop(), {"cart-0.default", "GET", "/", "-H", "x"});
  EXPECT_EQ(header.err, "meshctl: -H \"x\": write NAME: VALUE\n");
  EXPECT_EQ(Authz(Shop(), {"cart-0.default", "GET", "/", "--colour"}).code, kUsage);
}

}  // namespace
}  // namespace mesh::ctl
