// AuthorizationPolicies as Istio translates them, beside ours: not the same messages, as Envoy has
// moved on, but the same answers. Each condition of each rule is taken alone and both are asked
// about thousands of requests, made of the texts that stand in the policies.
//
// Where we differ on purpose the requests stay away: hosts with ports, dots or capitals and
// headers with several values; "not" about an identity, which asks for some identity first; and
// metacharacters in namespaces, which 1.7 does not quote in its regexes.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/authz/engine.h"
#include "mesh/config/read.h"
#include "mesh/config/yaml_tree.h"
#include "mesh/envoy/authorization.h"
#include "mesh/http/headers.h"
#include "mesh/translate/authorization.h"
#include "nlohmann/json.hpp"

namespace mesh {
namespace {

using ::envoy::config::rbac::v3::Permission;
using ::envoy::config::rbac::v3::Principal;
using ::envoy::config::rbac::v3::RBAC;
using Json = nlohmann::ordered_json;
using route::Value;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Json ToJson(const config::YamlTree& tree, uint32_t id) {
  const config::YamlNode& node = tree.node(id);
  if (node.type == config::YamlNode::Type::kScalar) {
    const std::string text(tree.text(node));
    if (node.style == config::YamlNode::Style::kString) return text;
    if (text == "true" || text == "false") return text == "true";
    if (text == "{}") return Json::object();
    int64_t number = 0;
    if (absl::SimpleAtoi(text, &number)) return number;
    return text;
  }
  Json out = node.type == config::YamlNode::Type::kMapping ? Json::object() : Json::array();
  for (uint32_t child = node.first; child != 0; child = tree.raw(child).next) {
    if (out.is_array()) {
      out.push_back(ToJson(tree, child));
      continue;
    }
    const std::string key(tree.text(tree.node(child)));
    child = tree.raw(child).next;
    out[key] = ToJson(tree, child);
  }
  return out;
}

// Brings Istio 1.7's spelling to today's.
void Modernise(Json* json) {
  if (json->is_array()) {
    for (Json& entry : *json) Modernise(&entry);
    return;
  }
  if (!json->is_object()) return;
  json->erase("googleRe2");
  // The namespace in a regex, which 1.7 does not quote.
  if (json->contains("regex") && absl::StartsWith((*json)["regex"].get<std::string>(), ".*/ns/")) {
    (*json)["regex"] =
        absl::StrReplaceAll((*json)["regex"].get<std::string>(), {{"[", "\\["}, {"]", "\\]"}});
  }
  if (json->contains("name") && !json->contains("stringMatch")) {
    for (const auto& [old, now] : {std::pair<const char*, const char*>{"exactMatch", "exact"},
                                   {"prefixMatch", "prefix"},
                                   {"suffixMatch", "suffix"},
                                   {"safeRegexMatch", "safeRegex"}}) {
      if (!json->contains(old)) continue;
      const Json value = (*json)[old];
      json->erase(old);
      (*json)["stringMatch"][now] = value;
    }
  }
  if (json->contains("metadata") && (*json)["metadata"]["path"][0]["key"] == "source.principal") {
    // The peer's identity comes from its certificate, with its scheme.
    Json name = (*json)["metadata"]["value"]["stringMatch"];
    for (const char* kind : {"exact", "prefix"}) {
      if (name.contains(kind)) name[kind] = "spiffe://" + name[kind].get<std::string>();
    }
    json->erase("metadata");
    (*json)["authenticated"]["principalName"] = name;
  }
  if (json->contains("sourceIp")) {
    const Json block = (*json)["sourceIp"];
    json->erase("sourceIp");
    (*json)["directRemoteIp"] = block;
  }
  for (auto& [key, value] : json->items()) Modernise(&value);
}

// Every text in a message that a request could show.
void Collect(const Json& json, std::set<std::string>* texts) {
  if (json.is_string()) texts->insert(json.get<std::string>());
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) Collect(value, texts);
}

// What filters left: under Istio's names and under today's.
class Facts final : public route::Facts {
 public:
  const Value* Metadata(std::string_view filter) const override {
    const auto found = values.find(std::string(filter));
    return found == values.end() ? nullptr : &found->second;
  }
  std::map<std::string, Value> values;
};

struct Probe {
  std::string principal, source_ip, destination_ip, server_name, method, host, path;
  uint16_t port = 0;
  http::HeaderList headers;
  Facts facts;
};

class Probes {
 public:
  explicit Probes(const std::set<std::string>& texts) {
    for (const std::string& text : texts) {
      std::string plain = text;
      for (const char* wild : {".*", ".+", "spiffe://"}) {
        for (size_t at; (at = plain.find(wild)) != std::string::npos;) {
          plain.erase(at, std::string(wild).size());
        }
      }
      plain.erase(std::remove(plain.begin(), plain.end(), '\\'), plain.end());
      words_.push_back(plain);
      if (absl::StartsWith(plain, "/ns/")) words_.push_back(plain.substr(4, plain.size() - 5));
    }
  }

  Probe Make(std::mt19937* random) {
    const auto below = [&](size_t n) { return (*random)() % n; };
    const auto word = [&]() -> std::string {
      const std::string& some = words_[below(words_.size())];
      switch (below(5)) {
        case 0:
          return some + "x";
        case 1:
          return "x" + some;
        case 2:
          return below(4) == 0 ? "" : "other";
        default:
          return some;
      }
    };
    const auto address = [&]() -> std::string {
      static const std::vector<std::string> kAddresses = {
          "1.2.3.4",      "5.6.7.8",     "9.0.0.1",     "9.2.1.1", "10.10.10.10",
          "192.168.10.7", "90.10.10.10", "90.168.10.1", "8.8.8.8"};
      return kAddresses[below(kAddresses.size())];
    };
    Probe p;
    switch (below(4)) {
      case 0:
        break;  // plaintext
      case 1:
        p.principal = "spiffe://" + word();
        break;
      default:
        p.principal = absl::StrCat("spiffe://", below(2) == 0 ? "cluster.local" : word(), "/ns/",
                                   word(), "/sa/", word());
    }
    p.source_ip = address();
    p.destination_ip = address();
    p.server_name = word();
    p.method = word();
    p.host = word();
    p.path = word();
    if (p.path.empty() || p.path[0] != '/') p.path = "/" + p.path;
    if (p.method.empty()) p.method = "GET";
    static const uint16_t kPorts[] = {80, 90, 91, 92, 8000, 9000, 9001, 9002, 1};
    p.port = kPorts[below(std::size(kPorts))];
    if (below(3) != 0) p.headers.Set("x-header", word());
    p.facts.values["envoy.filters.a.b"] = {Value::Struct{{"c", {word()}}}};
    if (below(4) != 0) {
      const std::string issuer = word() + "i", subject = word() + "s", audience = word(),
                        presenter = word();
      p.facts.values["istio_authn"] = {Value::Struct{
          {"request.auth.principal", {absl::StrCat(issuer, "/", subject)}},
          {"request.auth.audiences", {audience}},
          {"request.auth.presenter", {presenter}},
          {"request.auth.claims", {Value::Struct{{"iss", {Value::List{{issuer}}}}}}}}};
      p.facts.values["envoy.filters.http.jwt_authn"] = {
          Value::Struct{{"payload",
                         {Value::Struct{{"iss", {issuer}},
                                        {"sub", {subject}},
                                        {"aud", {audience}},
                                        {"azp", {presenter}}}}}}};
    }
    return p;
  }

 private:
  std::vector<std::string> words_;
};

authz::Request RequestOf(const Probe& p, bool http) {
  authz::Request request;
  request.http = http;
  request.principal = p.principal;
  request.source_ip = request.remote_ip = p.source_ip;
  request.destination_ip = p.destination_ip;
  request.destination_port = p.port;
  request.server_name = p.server_name;
  request.method = p.method;
  request.host = p.host;
  request.path = p.path;
  request.headers = p.headers.view();
  request.facts = &p.facts;
  return request;
}

std::shared_ptr<const authz::Engine> EngineOf(const RBAC& rules) {
  ::envoy::extensions::filters::http::rbac::v3::RBAC filter;
  *filter.mutable_rules() = rules;
  google::protobuf::Any any;
  any.PackFrom(filter);
  auto loaded = envoy::LoadRbacFilter(any);
  EXPECT_TRUE(loaded.ok()) << loaded.status() << rules.DebugString();
  return loaded.ok() ? loaded->rules : nullptr;
}

RBAC Alone(const Permission& permission, const Principal& principal) {
  RBAC rules;
  *(*rules.mutable_policies())["p"].add_permissions() = permission;
  *(*rules.mutable_policies())["p"].add_principals() = principal;
  return rules;
}

// The conditions of one rule, each alone; "some identity" is left out.
std::vector<RBAC> Conditions(const ::envoy::config::rbac::v3::Policy& policy) {
  std::vector<RBAC> out;
  Permission any_permission;
  any_permission.set_any(true);
  Principal any_principal;
  any_principal.set_any(true);
  for (const Permission& set : policy.permissions()) {
    for (const Permission& one : set.and_rules().rules()) out.push_back(Alone(one, any_principal));
  }
  for (const Principal& set : policy.principals()) {
    for (const Principal& one : set.and_ids().ids()) {
      if (one.authenticated().principal_name().safe_regex().regex() == ".+") continue;
      out.push_back(Alone(any_permission, one));
    }
  }
  return out;
}

// Empty where both answer alike.
std::string Compare(const RBAC& ours, const RBAC& theirs, bool http, Probes* probes) {
  if (ours.action() != theirs.action()) return "another action";
  std::string names;
  if (ours.policies_size() != theirs.policies_size()) return "another number of rules";
  std::mt19937 random(1);
  for (const auto& [name, policy] : theirs.policies()) {
    const auto found = ours.policies().find(name);
    if (found == ours.policies().end()) return "no rule " + name;
    const std::vector<RBAC> a = Conditions(found->second), b = Conditions(policy);
    if (a.size() != b.size()) {
      return absl::StrCat(name, ": ", a.size(), " conditions, they have ", b.size());
    }
    for (size_t i = 0; i < a.size(); ++i) {
      const auto mine = EngineOf(a[i]), other = EngineOf(b[i]);
      if (mine == nullptr || other == nullptr) return name + ": cannot be loaded";
      for (int k = 0; k < 2000; ++k) {
        const Probe probe = probes->Make(&random);
        const authz::Request request = RequestOf(probe, http);
        if (mine->Decide(request).allowed == other->Decide(request).allowed) continue;
        return absl::StrCat(name, " condition ", i, ": differs for principal \"", probe.principal,
                            "\" host \"", probe.host, "\" path \"", probe.path, "\"\n",
                            a[i].DebugString(), "\n", b[i].DebugString());
      }
    }
  }
  return "";
}

TEST(AuthorizationConformance, TheSameAnswersAsIstios) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  const std::string folder = absl::StrCat(shared, "/conformance/authz/testdata/");
  struct Case {
    const char* name;  // of the files
    bool tcp;
    std::vector<std::string> trust_domains;
    const char* out = nullptr;  // where it is not the name
    size_t place = 0;           // of the filter among those that come out
  };
  const Case cases[] = {
      {"action-allow-HTTP-for-TCP-filter", true, {}},
      {"action-deny-HTTP-for-TCP-filter", true, {}},
      {"action-both", false, {}, "action-both-deny", 0},
      {"action-both", false, {}, "action-both-allow", 1},
      {"all-fields", false, {}},
      {"allow-all", false, {}},
      {"deny-all", false, {}},
      {"multiple-policies", false, {}},
      {"path14", false, {}},
      {"path15", false, {}},
      {"simple-policy-multiple-td-aliases", false, {"td1", "cluster.local", "some-td"}},
      {"simple-policy-principal-with-wildcard", false, {"td1", "foobar"}},
      {"simple-policy-td-aliases", false, {"td1", "cluster.local"}},
      {"single-policy", false, {}},
      {"td-aliases-source-principal", false, {"some-td", "some-trustdomain"}},
  };
  int equal = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.name, " ", c.out == nullptr ? "" : c.out));
    const config::ReadResult read =
        config::ReadYaml("in.yaml", Read(absl::StrCat(folder, c.name, "-in.yaml")));
    ASSERT_TRUE(read.errors.empty()) << read.errors[0].ToString();
    istio::mesh::v1alpha1::MeshConfig mesh;
    mesh.set_trust_domain(c.trust_domains.empty() ? "cluster.local" : c.trust_domains[0]);
    for (size_t i = 1; i < c.trust_domains.size(); ++i) {
      mesh.add_trust_domain_aliases(c.trust_domains[i]);
    }
    std::vector<translate::Finding> findings;
    const std::vector<translate::AuthorizationStep> steps =
        translate::TranslateAuthorization(read.resources, mesh, nullptr, {c.tcp}, &findings);

    const std::string text =
        Read(absl::StrCat(folder, c.out == nullptr ? c.name : c.out, "-out.yaml"));
    auto events = config::ParseYaml(text, 1);
    config::YamlError error;
    config::YamlTree tree;
    ASSERT_TRUE(tree.Next(events.get(), &error)) << text;
    Json json = ToJson(tree, tree.root());
    Modernise(&json);
    RBAC theirs;
    const auto parsed = google::protobuf::util::JsonStringToMessage(
        json["typedConfig"].value("rules", Json::object()).dump(), &theirs);
    ASSERT_TRUE(parsed.ok()) << parsed.ToString() << json.dump(1);
    ASSERT_LT(c.place, steps.size());
    ASSERT_TRUE(steps[c.place].rules.has_value());

    std::set<std::string> texts;
    Collect(json, &texts);
    Probes probes(texts);
    const std::string difference = Compare(*steps[c.place].rules, theirs, !c.tcp, &probes);
    EXPECT_EQ(difference, "");
    equal += difference.empty() ? 1 : 0;
  }
  std::cout << "conformance: authz " << equal << "/" << std::size(cases) << std::endl;
}

}  // namespace
}  // namespace mesh
