// Istio 1.7.3's own verdicts on single resources, in MESH_SHARED/conformance. A case there is one
// call of one of Istio's validators; those of functions inside Istio are wrapped into the resource
// that would make Istio call them.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/mesh/v1alpha1/config.pb.h"
#include "api/mesh/v1alpha1/network.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/config/validation/values.h"
#include "nlohmann/json.hpp"

namespace mesh::config {
namespace {

using nlohmann::json;

struct Verdict {
  bool valid = true;
  std::string text;
};

Verdict Of(const std::string& problem) { return Verdict{problem.empty(), problem}; }

Verdict Of(const std::vector<FieldError>& errors) {
  Verdict verdict;
  verdict.valid = errors.empty();
  for (const FieldError& error : errors) absl::StrAppend(&verdict.text, error.ToString(), "\n");
  return verdict;
}

Verdict Check(ReadResult read, const ValidateOptions& options) {
  if (!read.errors.empty()) return Of(read.errors);
  if (read.resources.size() != 1) return Verdict{false, "not one resource"};
  return Of(ValidateResource(*read.resources[0], options));
}

Verdict CheckKind(const std::string& kind, const json& spec, std::string ns = "default",
                  const ValidateOptions& options = {}) {
  const bool security = kind == "AuthorizationPolicy" || kind == "PeerAuthentication" ||
                        kind == "RequestAuthentication";
  if (ns.empty()) ns = "default";
  const json object = {
      {"apiVersion", security ? "security.istio.io/v1beta1" : "networking.istio.io/v1alpha3"},
      {"kind", kind},
      {"metadata", {{"name", "foo"}, {"namespace", ns}}},
      {"spec", spec}};
  return Check(ReadYaml("case.yaml", object.dump()), options);
}

Verdict CheckHttpRoute(json route, bool delegate, bool delegates) {
  ValidateOptions options;
  options.delegates = delegates;
  json spec = {{"http", json::array({std::move(route)})}};
  if (!delegate) {
    spec["hosts"] = json::array({"foo.bar"});
    spec["gateways"] = json::array({"gateway"});
  }
  return CheckKind("VirtualService", spec, "default", options);
}

// `part` as what stands under the first rule's `field`, beside a destination.
Verdict CheckRulePart(const std::string& field, const json& part) {
  json route = {{"route", json::array({json{{"destination", {{"host", "foo.bar"}}}}})}};
  if (field == "redirect") route = json::object();
  // Go's nil pointer: the field is not there.
  if (!part.is_null()) {
    route[field] = part;
  } else if (field == "redirect") {
    return Verdict();
  }
  return CheckHttpRoute(route, false, false);
}

Verdict CheckPolicyPart(const std::string& field, const json& part) {
  if (part.is_null()) return Verdict();
  json policy = {{"tls", {{"mode", "DISABLE"}}}};
  policy[field] = part;
  return CheckKind("DestinationRule", {{"host", "foo.bar"}, {"trafficPolicy", policy}});
}

Verdict CheckServer(const json& server) {
  return CheckKind("Gateway", {{"servers", json::array({server})}});
}

// `json` is on top of settings that are valid by themselves.
Verdict CheckMesh(const json& mesh) {
  return Check(ReadMeshConfig("mesh.yaml", mesh.dump()), ValidateOptions());
}

// ValidateMeshConfig and ValidateProxyConfig get exactly what is there, without defaults.
template <class M>
Verdict ParseMesh(const json& text, M* message) {
  const auto status = google::protobuf::util::JsonStringToMessage(text.dump(), message);
  if (!status.ok()) return Verdict{false, status.ToString()};
  return Verdict();
}

Verdict CheckBareMesh(const json& text) {
  istio::mesh::v1alpha1::MeshConfig mesh;
  Verdict verdict = ParseMesh(text, &mesh);
  if (!verdict.valid) return verdict;
  mesh.set_root_namespace("istio-system");
  Metadata metadata;
  metadata.name = "mesh";
  return Of(ValidateResource(*MakeResource(Kind::kMeshConfig, metadata, mesh)));
}

Verdict CheckBareProxy(const json& text) {
  istio::mesh::v1alpha1::MeshConfig mesh;
  const ReadResult good = ReadMeshConfig("mesh.yaml", "");
  mesh = good.resources[0]->As<istio::mesh::v1alpha1::MeshConfig>();
  mesh.mutable_default_config()->Clear();
  Verdict verdict = ParseMesh(text, mesh.mutable_default_config());
  if (!verdict.valid) return verdict;
  Metadata metadata;
  metadata.name = "mesh";
  return Of(ValidateResource(*MakeResource(Kind::kMeshConfig, metadata, mesh)));
}

google::protobuf::Duration DurationOf(const json& text) {
  google::protobuf::Duration duration;
  (void)google::protobuf::util::JsonStringToMessage(text.dump(), &duration);
  return duration;
}

using Adapter = std::function<Verdict(const json& args)>;

std::map<std::string, Adapter> Adapters() {
  std::map<std::string, Adapter> adapters;
  for (const char* kind :
       {"VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "EnvoyFilter",
        "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Gateway"}) {
    adapters[absl::StrCat("Validate", kind)] = [kind](const json& args) {
      return CheckKind(kind, args[2], args[1]);
    };
  }
  // Istio's test of delegates switches them on.
  adapters["ValidateChainingVirtualService"] = [](const json& args) {
    ValidateOptions options;
    options.delegates = true;
    return CheckKind("VirtualService", args[2], args[1], options);
  };
  adapters["ValidateMeshConfig"] = [](const json& args) { return CheckBareMesh(args[0]); };
  adapters["ValidateProxyConfig"] = [](const json& args) { return CheckBareProxy(args[0]); };
  adapters["ValidateMeshNetworks"] = [](const json& args) {
    istio::mesh::v1alpha1::MeshNetworks networks;
    const Verdict verdict = ParseMesh(args[0], &networks);
    return verdict.valid ? Of(ValidateMeshNetworks(networks)) : verdict;
  };
  adapters["validateServiceSettings"] = [](const json& args) { return CheckMesh(args[0]); };
  adapters["validateHTTPRoute"] = [](const json& args) {
    return CheckHttpRoute(args[0], false, false);
  };
  adapters["validateRootHTTPRoute"] = [](const json& args) {
    return CheckHttpRoute(args[0], false, true);
  };
  adapters["validateDelegateHTTPRoute"] = [](const json& args) {
    return CheckHttpRoute(args[0], true, true);
  };
  for (const auto& [func, field] :
       std::map<std::string, std::string>{{"validateCORSPolicy", "corsPolicy"},
                                          {"validateHTTPRetry", "retries"},
                                          {"validateHTTPRewrite", "rewrite"},
                                          {"validateHTTPRedirect", "redirect"}}) {
    adapters[func] = [field = field](const json& args) { return CheckRulePart(field, args[0]); };
  }
  adapters["validateHTTPFaultInjectionAbort"] = [](const json& args) {
    return args[0].is_null() ? Verdict() : CheckRulePart("fault", {{"abort", args[0]}});
  };
  adapters["validateHTTPFaultInjectionDelay"] = [](const json& args) {
    return args[0].is_null() ? Verdict() : CheckRulePart("fault", {{"delay", args[0]}});
  };
  adapters["validateHTTPStatus"] = [](const json& args) {
    return CheckRulePart("fault", {{"abort", {{"httpStatus", args[0]}}}});
  };
  adapters["validateDestination"] = [](const json& args) {
    return CheckRulePart("mirror", args[0]);
  };
  adapters["validateRouteDestinations"] = [](const json& args) {
    return CheckKind("VirtualService", {{"hosts", json::array({"foo.bar"})},
                                        {"tcp", json::array({json{{"route", args[0]}}})}});
  };
  adapters["validateExportTo"] = [](const json& args) {
    if (args[2].get<bool>()) {
      return CheckKind("ServiceEntry", {{"hosts", json::array({"foo.bar"})}, {"exportTo", args[1]}},
                       args[0]);
    }
    return CheckKind("DestinationRule", {{"host", "foo.bar"}, {"exportTo", args[1]}}, args[0]);
  };
  for (const auto& [func, field] :
       std::map<std::string, std::string>{{"validateConnectionPool", "connectionPool"},
                                          {"validateTLS", "tls"},
                                          {"validateOutlierDetection", "outlierDetection"},
                                          {"validateLoadBalancer", "loadBalancer"}}) {
    adapters[func] = [field = field](const json& args) { return CheckPolicyPart(field, args[0]); };
  }
  adapters["validateTrafficPolicy"] = [](const json& args) {
    return CheckKind("DestinationRule", {{"host", "foo.bar"}, {"trafficPolicy", args[0]}});
  };
  adapters["validateLocalityLbSetting"] = [](const json& args) {
    return args[0].is_null() ? Verdict()
                             : CheckPolicyPart("loadBalancer", {{"localityLbSetting", args[0]}});
  };
  adapters["validateLocalities"] = [](const json& args) {
    json distribute = json::array();
    for (const json& from : args[0]) {
      distribute.push_back({{"from", from}, {"to", {{"region", 100}}}});
    }
    return CheckPolicyPart("loadBalancer", {{"localityLbSetting", {{"distribute", distribute}}}});
  };
  adapters["validateServer"] = [](const json& args) { return CheckServer(args[0]); };
  adapters["validateServerPort"] = [](const json& args) {
    json server = {{"hosts", json::array({"*"})}, {"port", args[0]}};
    return CheckServer(server);
  };
  adapters["validateTLSOptions"] = [](const json& args) {
    return CheckServer({{"hosts", json::array({"*"})},
                        {"port", {{"number", 443}, {"name", "https"}, {"protocol", "HTTPS"}}},
                        {"tls", args[0]}});
  };
  adapters["ValidateParentAndDrain"] = [](const json& args) {
    return CheckMesh(
        {{"defaultConfig", {{"drainDuration", args[0]}, {"parentShutdownDuration", args[1]}}}});
  };
  adapters["ValidateConnectTimeout"] = [](const json& args) {
    return CheckMesh({{"connectTimeout", args[0]}});
  };
  adapters["ValidateProtocolDetectionTimeout"] = [](const json& args) {
    return CheckMesh({{"protocolDetectionTimeout", args[0]}});
  };
  adapters["ValidateDuration"] = [](const json& args) {
    return Of(CheckDuration(DurationOf(args[0])));
  };
  const auto text = [&](const char* func, std::string (*check)(std::string_view)) {
    adapters[func] = [check](const json& args) { return Of(check(args[0].get<std::string>())); };
  };
  text("ValidateFQDN", CheckFqdn);
  text("ValidateWildcardDomain", CheckWildcardDomain);
  text("ValidateIPAddress", CheckIpAddress);
  text("ValidateIPSubnet", CheckSubnet);
  text("ValidatePortName", CheckPortName);
  text("ValidateProxyAddress", CheckHostAndPort);
  text("ValidateHTTPHeaderName", CheckHeaderName);
  adapters["ValidatePort"] = [](const json& args) { return Of(CheckPort(args[0].get<int64_t>())); };
  return adapters;
}

std::string Shared() {
  const char* shared = std::getenv("MESH_SHARED");
  return shared == nullptr ? "" : absl::StrCat(shared, "/conformance");
}

TEST(Conformance, VerdictsOfIstiosValidators) {
  if (Shared().empty()) GTEST_SKIP() << "MESH_SHARED names no folder with conformance/validation";
  std::ifstream in(Shared() + "/validation/cases.json");
  ASSERT_TRUE(in.good());
  const json cases = json::parse(in, nullptr, false);
  ASSERT_TRUE(cases.is_array());
  const std::map<std::string, Adapter> adapters = Adapters();
  size_t agreed = 0;
  for (const json& c : cases) {
    std::string func = c["func"];
    const std::string name = c["case"];
    if (name.rfind("TestValidateChainingVirtualService", 0) == 0) {
      func = "ValidateChainingVirtualService";
    }
    const auto adapter = adapters.find(func);
    if (adapter == adapters.end()) {
      ADD_FAILURE() << "no adapter for " << func;
      continue;
    }
    const Verdict verdict = adapter->second(c["args"]);
    if (verdict.valid == c["valid"].get<bool>()) {
      ++agreed;
    } else {
      ADD_FAILURE() << func << " " << name << ": Istio says "
                    << (c["valid"].get<bool>() ? "valid" : c["error"].get<std::string>())
                    << "\nwe say " << (verdict.valid ? "valid" : verdict.text) << "\n"
                    << c["args"].dump();
    }
  }
  std::cout << "conformance: validation " << agreed << "/" << cases.size() << "\n";
}

TEST(Conformance, VerdictsOnDamagedResources) {
  if (Shared().empty()) GTEST_SKIP() << "MESH_SHARED names no folder with validation_mutants";
  std::ifstream in(Shared() + "/validation_mutants/cases.jsonl");
  ASSERT_TRUE(in.good());
  size_t agreed = 0;
  size_t all = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    const json c = json::parse(line, nullptr, false);
    ASSERT_TRUE(c.is_object()) << line;
    ++all;
    const std::string type = c["type"];
    const std::string kind = type.substr(type.rfind('.') + 1);
    const Verdict verdict = CheckKind(kind, c["spec"]);
    const bool valid = c["valid"].get<bool>();
    if (verdict.valid == valid) {
      ++agreed;
    } else {
      ADD_FAILURE() << kind << " " << c["id"] << ": Istio says "
                    << (valid ? "valid"
                              : c.value("error", c.value("parse_error", std::string("?"))))
                    << "\nwe say " << (verdict.valid ? "valid" : verdict.text) << "\n"
                    << c["spec"].dump();
    }
  }
  std::cout << "conformance: mutants " << agreed << "/" << all << "\n";
}

}  // namespace
}  // namespace mesh::config
