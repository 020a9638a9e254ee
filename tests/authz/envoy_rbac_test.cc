// 100,000 random policies' and requests' decisions, ours beside those of a real Envoy's RBAC
// filters.
#include <cstdlib>
#include <random>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/authz/engine.h"
#include "mesh/http/headers.h"
#include "nlohmann/json.hpp"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using authz::Action;
using authz::Condition;
using authz::TextMatch;
using Json = nlohmann::ordered_json;
using Kind = Condition::Kind;

constexpr int kListeners = 200, kRequests = 500;

// A condition as a Permission or a Principal: the two differ in the names of their combinators.
struct Names {
  const char *all, *any, *none, *list;
};
constexpr Names kPermission = {"and_rules", "or_rules", "not_rule", "rules"};
constexpr Names kPrincipal = {"and_ids", "or_ids", "not_id", "ids"};

Json Matcher(const TextMatch& text) {
  Json out;
  switch (text.kind) {
    case TextMatch::Kind::kExact:
      out["exact"] = text.value;
      break;
    case TextMatch::Kind::kPrefix:
      out["prefix"] = text.value;
      break;
    case TextMatch::Kind::kSuffix:
      out["suffix"] = text.value;
      break;
    case TextMatch::Kind::kContains:
      out["contains"] = text.value;
      break;
    case TextMatch::Kind::kRegex:
    case TextMatch::Kind::kPresent:
      return {{"safe_regex", {{"regex", text.value}}}};
  }
  if (text.ignore_case) out["ignore_case"] = true;
  return out;
}

Json Rbac(const Condition& c, const Names& names) {
  Json children = Json::array();
  for (const Condition& child : c.children) children.push_back(Rbac(child, names));
  switch (c.kind) {
    case Kind::kAll:
      return {{names.all, {{names.list, children}}}};
    case Kind::kAny:
      return {{names.any, {{names.list, children}}}};
    case Kind::kNot:
      return {{names.none, children[0]}};
    case Kind::kPath:
      return {{"url_path", {{"path", Matcher(c.text)}}}};
    case Kind::kMethod:
      return {{"header", {{"name", ":method"}, {"string_match", Matcher(c.text)}}}};
    case Kind::kHeader:
      if (c.text.kind == TextMatch::Kind::kPresent) {
        return {{"header", {{"name", c.name}, {"present_match", true}}}};
      }
      return {{"header", {{"name", c.name}, {"string_match", Matcher(c.text)}}}};
    case Kind::kRemoteIp: {
      const size_t slash = c.block.find('/');
      return {{"remote_ip",
               {{"address_prefix", c.block.substr(0, slash)},
                {"prefix_len", std::stoi(c.block.substr(slash + 1))}}}};
    }
    default:
      return {{"any", true}};
  }
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % n); }
  template <class T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(static_cast<int>(from.size()))];
  }

  Condition Tree(int depth, bool principal) {
    const int kind = depth == 0 ? 3 + Below(5) : Below(8);
    if (kind <= 1) {
      std::vector<Condition> children;
      for (int i = 1 + Below(3); i > 0; --i) children.push_back(Tree(depth - 1, principal));
      return kind == 0 ? Condition::All(std::move(children)) : Condition::Any(std::move(children));
    }
    if (kind == 2) return Condition::Not(Tree(depth - 1, principal));
    if (kind == 3) return Condition::Text(Kind::kPath, Text(kPathTexts));
    if (kind == 4) {
      // A method is a header of its own in Envoy: exact is what people write.
      return Condition::Text(Kind::kMethod, {TextMatch::Kind::kExact, Pick(kMethods)});
    }
    if (kind == 5 && principal) return Condition::Block(Kind::kRemoteIp, Pick(kBlocks));
    if (kind == 6) return Condition::Text(Kind::kAlways, {});
    if (Below(5) == 0)
      return Condition::Header(Pick(kNames), {TextMatch::Kind::kPresent, ""},
                               authz::HeaderValues::kEach);
    return Condition::Header(Pick(kNames), Text(kHeaderTexts), authz::HeaderValues::kEach);
  }
  TextMatch Text(const std::vector<std::string>& from) {
    TextMatch text;
    text.kind = static_cast<TextMatch::Kind>(Below(5));
    text.value = text.kind == TextMatch::Kind::kRegex ? Pick(kRegexes) : Pick(from);
    text.ignore_case = text.kind != TextMatch::Kind::kRegex && Below(5) == 0;
    return text;
  }

  const std::vector<std::string> kPathTexts = {"/", "/a", "/a/b", "/A", "b", "/a/"},
                                 kHeaderTexts = {"1", "2", "1,2", "abc", "B"},
                                 kRegexes = {"/a.*", "[12]", "1,2|abc", ".+", "/(a|b)/b"},
                                 kMethods = {"GET", "POST", "PUT"}, kNames = {"x-a", "x-b"},
                                 kBlocks = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32",
                                            "2001:db8::/32", "0.0.0.0/0"},
                                 kPaths = {"/",      "/a",     "/a/b", "/b/b", "/A",
                                           "/a?x=b", "/a/b?c", "//a",  "/a/"},
                                 kValues = {"", "1", "2", "1,2", "abc", "ABC", "b"},
                                 kAddresses = {"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.168.0.1",
                                               "2001:db8::5"};

 private:
  std::mt19937 engine_;
};

Json Filter(const std::vector<authz::Rule>& rules, const std::vector<Condition>& permissions,
            const std::vector<Condition>& principals, Action action) {
  Json policies = Json::object();
  for (size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].action != action) continue;
    policies[absl::StrCat("p", i)] = {
        {"permissions", Json::array({Rbac(permissions[i], kPermission)})},
        {"principals", Json::array({Rbac(principals[i], kPrincipal)})}};
  }
  if (policies.empty()) return nullptr;
  return {
      {"name", "rbac " + std::string(authz::ActionName(action))},
      {"typed_config",
       {{"@type", "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"},
        {"rules", {{"action", std::string(authz::ActionName(action))}, {"policies", policies}}}}}};
}

Json Listener(int i, const std::string& socket, Json filters) {
  filters.push_back(
      {{"name", "router"},
       {"typed_config",
        {{"@type", "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}});
  const Json routes = {
      {"virtual_hosts",
       Json::array({{{"name", "v"},
                     {"domains", Json::array({"*"})},
                     {"routes", Json::array({{{"match", {{"prefix", "/"}}},
                                              {"direct_response", {{"status", 200}}}}})}}})}};
  return {{"name", absl::StrCat("authz-", i)},
          {"address", {{"pipe", {{"path", socket}}}}},
          {"filter_chains",
           Json::array({{{"filters",
                          Json::array({{{"name", "hcm"},
                                        {"typed_config",
                                         {{"@type",
                                           "type.googleapis.com/envoy.extensions.filters.network."
                                           "http_connection_manager.v3.HttpConnectionManager"},
                                          {"stat_prefix", "x"},
                                          {"route_config", routes},
                                          {"http_filters", filters}}}}})}}})}};
}

TEST(EnvoyRbac, OneHundredThousandDecisionsAreTheSame) {
  const auto binary = FindEnvoy();
  if (!binary.ok()) {
    const char* required = getenv("REQUIRE_PEERS");
    ASSERT_FALSE(required != nullptr && std::string(required) == "1") << binary.status();
    GTEST_SKIP() << binary.status();
  }
  std::string directory = "/tmp/mesh-rbacXXXXXX";  // a socket's path is short
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  Random random(7);
  std::vector<std::shared_ptr<const authz::Engine>> engines;
  Json listeners = Json::array();
  const auto socket_of = [&](int i) { return absl::StrCat(directory, "/r", i, ".sock"); };
  for (int i = 0; i < kListeners; ++i) {
    std::vector<authz::Rule> rules;
    std::vector<Condition> permissions, principals;
    for (int k = 1 + random.Below(6); k > 0; --k) {
      permissions.push_back(random.Tree(2, false));
      principals.push_back(random.Tree(2, true));
      authz::Rule rule;
      rule.policy = absl::StrCat("p", rules.size());
      rule.action = random.Below(2) == 0 ? Action::kAllow : Action::kDeny;
      rule.condition = Condition::All({permissions.back(), principals.back()});
      rules.push_back(std::move(rule));
    }
    Json filters = Json::array();
    for (const Action action : {Action::kDeny, Action::kAllow}) {
      Json filter = Filter(rules, permissions, principals, action);
      if (!filter.is_null()) filters.push_back(std::move(filter));
    }
    listeners.push_back(Listener(i, socket_of(i), std::move(filters)));
    engines.push_back(authz::Engine::Build(std::move(rules)).value());
  }
  const Json last = {
      {"virtual_hosts", Json::array({{{"name", "v"}, {"domains", Json::array({"*"})}}})}};
  const auto envoy =
      EnvoyPeer::Start(*binary, directory, {last}, Json{{"listeners", std::move(listeners)}});
  ASSERT_TRUE(envoy.ok()) << envoy.status();

  int same = 0, allowed = 0, shown = 0;
  for (int i = 0; i < kListeners; ++i) {
    std::vector<std::string> asked;
    std::vector<bool> ours;
    std::vector<std::string> why;
    for (int k = 0; k < kRequests; ++k) {
      const std::string method = random.Pick(random.kMethods), path = random.Pick(random.kPaths),
                        address = random.Pick(random.kAddresses);
      std::string text =
          absl::StrCat(method, " ", path, " HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ", address,
                       "\r\n", method == "GET" ? "" : "content-length: 0\r\n");
      http::HeaderList headers;
      for (const std::string& name : random.kNames) {
        for (int n = random.Below(3); n > 0; --n) {
          const std::string value = random.Pick(random.kValues);
          absl::StrAppend(&text, name, ": ", value, "\r\n");
          headers.Add(name, value);
        }
      }
      authz::Request request;
      request.method = method;
      request.host = "a";
      request.path = path;
      request.remote_ip = address;
      request.headers = headers.view();
      const authz::Decision decision = engines[i]->Decide(request);
      ours.push_back(decision.allowed);
      why.push_back(decision.ToString());
      asked.push_back(text + "\r\n");
    }
    const auto answers = PeerClient(socket_of(i)).Ask(asked);
    for (int k = 0; k < kRequests; ++k) {
      const bool theirs = answers[k].status == 200;
      allowed += theirs;
      if (theirs == ours[k] && (theirs || answers[k].status == 403)) {
        ++same;
      } else if (shown++ < 5) {
        ADD_FAILURE() << "policies " << i << ": Envoy answers " << answers[k].status << ", we say "
                      << why[k] << "\n"
                      << asked[k];
        for (const authz::Rule& rule : engines[i]->rules()) {
          fprintf(stderr, "  %s: %s\n", rule.ToString().c_str(), rule.condition.ToString().c_str());
        }
      }
    }
  }
  EXPECT_EQ(same, kListeners * kRequests);
  EXPECT_GT(allowed, kListeners * kRequests / 10);
  EXPECT_LT(allowed, kListeners * kRequests * 9 / 10);
}

}  // namespace
}  // namespace mesh
