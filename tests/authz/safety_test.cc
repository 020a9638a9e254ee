// AuthorizationPolicies from YAML to decisions: what went wrong in other meshes must not here. The
// policies go the whole way, through translation and through what a proxy reads.
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "gtest/gtest.h"
#include "mesh/authz/engine.h"
#include "mesh/config/read.h"
#include "mesh/envoy/authorization.h"
#include "mesh/http/headers.h"
#include "mesh/translate/authorization.h"

namespace mesh {
namespace {

using authz::Request;
using route::Value;

std::string Policy(const std::string& spec) {
  return absl::StrCat("apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\n",
                      "metadata: {name: p, namespace: foo}\nspec: ", spec, "\n");
}

// What guards a workload with one policy.
class Guard {
 public:
  explicit Guard(const std::string& spec, bool tcp = false,
                 const std::vector<std::string>& aliases = {})
      : tcp_(tcp) {
    const config::ReadResult read = config::ReadYaml("p.yaml", Policy(spec));
    for (const FieldError& error : read.errors) ADD_FAILURE() << error.ToString() << spec;
    istio::mesh::v1alpha1::MeshConfig mesh;
    mesh.set_trust_domain("cluster.local");
    for (const std::string& alias : aliases) mesh.add_trust_domain_aliases(alias);
    std::vector<translate::Finding> findings;
    for (const auto& step :
         translate::TranslateAuthorization(read.resources, mesh, nullptr, {tcp}, &findings)) {
      google::protobuf::Any any;
      absl::StatusOr<envoy::RbacFilter> filter;
      if (tcp) {
        ::envoy::extensions::filters::network::rbac::v3::RBAC proto;
        proto.set_stat_prefix("tcp.");
        *proto.mutable_rules() = *step.rules;
        any.PackFrom(proto);
        filter = envoy::LoadRbacNetworkFilter(any);
      } else {
        ::envoy::extensions::filters::http::rbac::v3::RBAC proto;
        *proto.mutable_rules() = *step.rules;
        any.PackFrom(proto);
        filter = envoy::LoadRbacFilter(any);
      }
      EXPECT_TRUE(filter.ok()) << filter.status();
      filters_.push_back(filter->rules);
    }
  }
  bool Allows(Request request) const {
    request.http = !tcp_;
    for (const auto& filter : filters_) {
      if (!filter->Decide(request).allowed) return false;
    }
    return true;
  }

 private:
  const bool tcp_;
  std::vector<std::shared_ptr<const authz::Engine>> filters_;
};

Request Get(std::string_view host, std::string_view path = "/") {
  Request request;
  request.method = "GET";
  request.host = host;
  request.path = path;
  return request;
}

TEST(AuthorizationSafety, EverySpellingOfAHostIsTheHost) {
  const Guard deny("{action: DENY, rules: [{to: [{operation: {hosts: [secret.example]}}]}]}");
  const Guard allow("{rules: [{to: [{operation: {hosts: [Secret.Example]}}]}]}");
  for (const char* host : {"secret.example", "SeCReT.example", "secret.example.",
                           "secret.example:80", "secret.EXAMPLE.:8080", "secret.example:"}) {
    EXPECT_FALSE(deny.Allows(Get(host))) << host;
    EXPECT_TRUE(allow.Allows(Get(host))) << host;
  }
  for (const char* host : {"secret.examplex", "xsecret.example", "secretxexample",
                           "secret.example.x", "a.secret.example"}) {
    EXPECT_TRUE(deny.Allows(Get(host))) << host;
    EXPECT_FALSE(allow.Allows(Get(host))) << host;
  }
  const Guard suffix("{action: DENY, rules: [{to: [{operation: {hosts: ['*.secret.example']}}]}]}");
  for (const char* host : {"a.secret.example", "A.SECRET.example", "a.secret.example.",
                           "a.secret.example:80", "a.secret.example.:80"}) {
    EXPECT_FALSE(suffix.Allows(Get(host))) << host;
  }
  EXPECT_TRUE(suffix.Allows(Get("a.secretxexample")));
  const Guard prefix("{action: DENY, rules: [{to: [{operation: {hosts: ['secret.*']}}]}]}");
  EXPECT_FALSE(prefix.Allows(Get("SECRET.example:80")));
  const Guard port(
      "{action: DENY, rules: [{to: [{operation: {hosts: ['secret.example:8080']}}]}]}");
  EXPECT_FALSE(port.Allows(Get("Secret.example.:8080")));
  EXPECT_TRUE(port.Allows(Get("secret.example:80")));
}

TEST(AuthorizationSafety, NoValueOfAHeaderHidesAnother) {
  const Guard deny(
      "{action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin, 'ro*', "
      "'*er']}]}]}");
  const std::vector<http::HeaderList> denied = {
      {{"x-role", "admin"}},
      {{"x-role", "user"}, {"x-role", "admin"}},
      {{"x-role", "admin"}, {"x-role", "user"}},
      {{"x-role", "guest,admin"}},
      {{"x-role", "admin,guest"}},
      {{"x-role", "guest , admin\t, x"}},
      {{"x-role", "guest,root"}},
      {{"x-role", "owner,guest"}},
      {{"x-role", "admin "}},
      {{"x-role", "\tadmin"}},
  };
  for (size_t i = 0; i < denied.size(); ++i) {
    Request request = Get("a");
    request.headers = denied[i].view();
    EXPECT_FALSE(deny.Allows(request)) << i;
  }
  const http::HeaderList fine = {{"x-role", "administrator"}};
  Request request = Get("a");
  request.headers = fine.view();
  EXPECT_TRUE(deny.Allows(request));
  // What an ALLOW policy excludes is looked for in the same way.
  const Guard allow("{rules: [{when: [{key: 'request.headers[x-role]', notValues: [admin]}]}]}");
  for (size_t i = 0; i < 6; ++i) {
    request.headers = denied[i].view();
    EXPECT_FALSE(allow.Allows(request)) << i;
  }
}

TEST(AuthorizationSafety, NotFromSomebodyIsNotFromAnybody) {
  for (const bool tcp : {false, true}) {
    for (const char* source : {"notPrincipals: [cluster.local/ns/a/sa/b]", "notNamespaces: [a]"}) {
      const Guard allow(absl::StrCat("{rules: [{from: [{source: {", source, "}}]}]}"), tcp);
      const Guard deny(absl::StrCat("{action: DENY, rules: [{from: [{source: {", source, "}}]}]}"),
                       tcp);
      Request plaintext = Get("a");
      EXPECT_FALSE(allow.Allows(plaintext)) << source;
      EXPECT_FALSE(deny.Allows(plaintext)) << source;
      Request other = Get("a");
      other.principal = "spiffe://cluster.local/ns/c/sa/d";
      EXPECT_TRUE(allow.Allows(other)) << source;
      EXPECT_FALSE(deny.Allows(other)) << source;
      Request named = Get("a");
      named.principal = "spiffe://cluster.local/ns/a/sa/b";
      EXPECT_FALSE(allow.Allows(named)) << source;
      EXPECT_TRUE(deny.Allows(named)) << source;
    }
  }
}

// As a person reads it.
bool TextMatches(const std::string& pattern, const std::string& text) {
  if (pattern == "*") return !text.empty();
  if (pattern.front() == '*') return absl::EndsWith(text, pattern.substr(1));
  if (pattern.back() == '*') return absl::StartsWith(text, pattern.substr(0, pattern.size() - 1));
  return text == pattern;
}

TEST(AuthorizationSafety, WildcardsInEveryPlaceOfAnIdentity) {
  const std::vector<std::string> patterns = {
      "*",
      "cluster.local/ns/a/sa/b",
      "old.domain/ns/a/sa/b",
      "other/ns/a/sa/b",
      "cluster.local/*",
      "cluster.local/ns/a/*",
      "cluster.local/ns/a/sa/b*",
      "cluster*",
      "*/ns/a/sa/b",
      "*local/ns/a/sa/b",
      "*domain/ns/a/sa/b",
      "*/sa/b",
      "*/a/sa/b",
      "*b",
      "*.b",
      "a.b/ns/a/sa/b",
      "a|b/ns/.*/sa/(b)",
  };
  std::vector<std::string> identities = {""};
  for (const char* domain :
       {"cluster.local", "old.domain", "other", "clusterxlocal", "a.b", "axb"}) {
    for (const char* ns : {"a", "ab", "c"}) {
      for (const char* account : {"b", "bb", "c", "x.b", "xxb"}) {
        identities.push_back(absl::StrCat(domain, "/ns/", ns, "/sa/", account));
      }
    }
  }
  // An identity of the mesh's own domain is one of each alias, if the pattern is a whole identity.
  const std::vector<std::string> domains = {"cluster.local", "old.domain"};
  const auto oracle = [&](const std::string& pattern, const std::string& identity) {
    if (identity.empty()) return false;
    if (TextMatches(pattern, identity)) return true;
    const size_t slash = pattern.find('/');
    if (std::count(pattern.begin(), pattern.end(), '/') != 4) return false;
    const std::string domain = pattern.substr(0, slash);
    for (const std::string& known : domains) {
      if (!TextMatches(domain, known)) continue;
      for (const std::string& alias : domains) {
        if (TextMatches(alias + pattern.substr(slash), identity)) return true;
      }
    }
    return false;
  };
  int asked = 0;
  for (const std::string& pattern : patterns) {
    for (const bool tcp : {false, true}) {
      const auto guard = [&](const char* action, const char* field) {
        return Guard(absl::StrCat("{action: ", action, ", rules: [{from: [{source: {", field,
                                  ": ['", pattern, "']}}]}]}"),
                     tcp, {"old.domain"});
      };
      const Guard allow = guard("ALLOW", "principals"), deny = guard("DENY", "principals");
      const Guard allow_not = guard("ALLOW", "notPrincipals"),
                  deny_not = guard("DENY", "notPrincipals");
      for (const std::string& identity : identities) {
        SCOPED_TRACE(absl::StrCat(pattern, " ", identity, tcp ? " tcp" : ""));
        const std::string principal = identity.empty() ? "" : "spiffe://" + identity;
        Request request = Get("a");
        request.principal = principal;
        const bool is = oracle(pattern, identity);
        EXPECT_EQ(allow.Allows(request), is);
        EXPECT_EQ(deny.Allows(request), !is);
        EXPECT_EQ(allow_not.Allows(request), !is && !identity.empty());
        EXPECT_EQ(deny_not.Allows(request), is);
        asked += 4;
      }
    }
  }
  EXPECT_GT(asked, 10000);
}

class Token final : public route::Facts {
 public:
  Token(const std::string& issuer, const std::string& subject) {
    Value::Struct claims;
    if (!issuer.empty()) claims["iss"] = {issuer};
    if (!subject.empty()) claims["sub"] = {subject};
    value_.value = Value::Struct{{"payload", {std::move(claims)}}};
  }
  const Value* Metadata(std::string_view filter) const override {
    return filter == envoy::kJwtFilter ? &value_ : nullptr;
  }

 private:
  Value value_;
};

// Two claims stand for one text; what a policy says about the text must hold for them.
TEST(AuthorizationSafety, ARequestPrincipalIsItsIssuerAndItsSubject) {
  const std::vector<std::string> patterns = {"*",
                                             "https://i.example/alice",
                                             "https://i.example/*",
                                             "https://i.example*",
                                             "https:/*",
                                             "a/b/c",
                                             "a/b/*",
                                             "a*",
                                             "*/alice",
                                             "*alice",
                                             "*/b/c",
                                             "*.example/alice",
                                             "*c",
                                             "nothing",
                                             "a/"};
  const std::vector<std::string> issuers = {
      "",  "https://i.example", "https://i.example/x", "a", "a/b", "https:",
      "b", "https://ixexample"};
  const std::vector<std::string> subjects = {"",       "alice", "b/c",  "c", "/i.example/alice",
                                             "xalice", "b",     "a/b/c"};
  for (const std::string& pattern : patterns) {
    const Guard allow(
        absl::StrCat("{rules: [{from: [{source: {requestPrincipals: ['", pattern, "']}}]}]}"));
    const Guard deny(absl::StrCat("{action: DENY, rules: [{from: [{source: {requestPrincipals: ['",
                                  pattern, "']}}]}]}"));
    for (const std::string& issuer : issuers) {
      for (const std::string& subject : subjects) {
        SCOPED_TRACE(absl::StrCat(pattern, " ", issuer, " ", subject));
        const Token token(issuer, subject);
        Request request = Get("a");
        request.facts = &token;
        const bool is = !issuer.empty() && !subject.empty() &&
                        TextMatches(pattern, absl::StrCat(issuer, "/", subject));
        EXPECT_EQ(allow.Allows(request), is);
        EXPECT_EQ(deny.Allows(request), !is);
      }
    }
  }
}

TEST(AuthorizationSafety, BadBytesAreDenied) {
  const Guard deny("{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}");
  EXPECT_TRUE(deny.Allows(Get("a", "/x")));
  for (const std::string& path : {std::string("/\xff"), std::string("/a\0b", 4),
                                  std::string("/\xc0\xaf"), std::string("/\xed\xa0\x80"),
                                  std::string("/a\r\nb"), std::string("admin"), std::string("")}) {
    EXPECT_FALSE(deny.Allows(Get("a", path)));
  }
  EXPECT_FALSE(deny.Allows(Get("a\xff", "/x")));
  const http::HeaderList bytes = {{"x-a", "\xff\x80"}};
  Request request = Get("a", "/x");
  request.headers = bytes.view();
  EXPECT_TRUE(deny.Allows(request));
  request.path = "/admin";
  EXPECT_FALSE(deny.Allows(request));
}

TEST(AuthorizationSafety, AQueryOrAFragmentIsNoPartOfAPath) {
  const Guard deny("{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}");
  for (const char* path :
       {"/admin", "/admin?", "/admin?x", "/admin#", "/admin#x", "/admin?#", "/admin#?"}) {
    EXPECT_FALSE(deny.Allows(Get("a", path))) << path;
  }
}

}  // namespace
}  // namespace mesh
