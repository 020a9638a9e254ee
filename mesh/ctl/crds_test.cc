// The schemas hold of a sample what reading it holds: judged by an evaluator of the part of JSON
// Schema that an API server takes for custom resources.
#include "mesh/ctl/crds.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/ctl/crd_schema.h"
#include "re2/re2.h"

namespace mesh::ctl {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool HasType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "integer") {
    return value.is_number_integer() ||
           (value.is_number_float() &&
            value.get<double>() == static_cast<int64_t>(value.get<double>()));
  }
  return false;
}

// What is wrong with a value; empty: nothing. An unknown field is, as the server is asked to be
// strict (fieldValidation=Strict).
std::string Problem(const Json& schema, const Json& value, const std::string& path) {
  const bool any = schema.value("x-kubernetes-preserve-unknown-fields", false);
  if (value.is_null()) return schema.value("nullable", false) || any ? "" : path + ": is null";
  if (schema.value("x-kubernetes-int-or-string", false)) {
    return value.is_number_integer() || value.is_string() ? "" : path + ": neither int nor string";
  }
  if (schema.contains("type") && !HasType(value, schema["type"])) {
    return path + ": is not of type " + schema["type"].get<std::string>();
  }
  if (schema.contains("enum")) {
    bool found = false;
    for (const Json& one : schema["enum"]) found = found || one == value;
    if (!found) return path + ": is none of the enum";
  }
  if (schema.contains("pattern") &&
      !RE2::PartialMatch(value.get<std::string>(), schema["pattern"].get<std::string>())) {
    return path + ": does not match";
  }
  if (schema.contains("minimum") && value < schema["minimum"]) return path + ": too small";
  if (schema.contains("maximum") && value > schema["maximum"]) return path + ": too large";
  if (schema.value("format", "") == "int32" &&
      (value.get<double>() > 2147483647.0 || value.get<double>() < -2147483648.0)) {
    return path + ": does not fit";
  }
  for (const Json& name : schema.value("required", Json::array())) {
    if (!value.contains(name)) return path + ": " + name.get<std::string>() + " is missing";
  }
  const auto holds = [&](const Json& part) { return Problem(part, value, path).empty(); };
  if (schema.contains("oneOf")) {
    int holding = 0;
    for (const Json& part : schema["oneOf"]) holding += holds(part) ? 1 : 0;
    if (holding != 1) return path + ": more than one of those of which one may be";
  }
  if (schema.contains("anyOf")) {
    bool one = false;
    for (const Json& part : schema["anyOf"]) one = one || holds(part);
    if (!one) return path + ": none of several";
  }
  for (const Json& part : schema.value("allOf", Json::array())) {
    if (!holds(part)) return Problem(part, value, path);
  }
  if (schema.contains("not") && holds(schema["not"])) return path + ": is what it must not be";
  if (value.is_array() && schema.contains("items")) {
    for (size_t i = 0; i < value.size(); ++i) {
      std::string problem =
          Problem(schema["items"], value[i], path + "[" + std::to_string(i) + "]");
      if (!problem.empty()) return problem;
    }
  }
  if (!value.is_object() || !schema.contains("type")) return "";
  for (const auto& [key, child] : value.items()) {
    if (schema.contains("properties") && schema["properties"].contains(key)) {
      std::string problem = Problem(schema["properties"][key], child, path + "." + key);
      if (!problem.empty()) return problem;
    } else if (schema.contains("additionalProperties")) {
      std::string problem = Problem(schema["additionalProperties"], child, path + "." + key);
      if (!problem.empty()) return problem;
    } else if (!any) {
      return path + ": unknown field " + key;
    }
  }
  return "";
}

// The rules for structural schemas: each node says its type, unless it stands for several; inside
// oneOf and the like there are no types.
void CheckStructural(const Json& schema, const std::string& path) {
  const bool many = schema.value("x-kubernetes-int-or-string", false) ||
                    schema.value("x-kubernetes-preserve-unknown-fields", false);
  EXPECT_TRUE(schema.contains("type") || many) << path;
  EXPECT_FALSE(schema.contains("properties") && schema.contains("additionalProperties")) << path;
  if (schema.contains("properties")) {
    for (const auto& [key, child] : schema["properties"].items()) {
      CheckStructural(child, path + "." + key);
    }
  }
  if (schema.contains("items")) CheckStructural(schema["items"], path + "[]");
  if (schema.contains("additionalProperties")) {
    CheckStructural(schema["additionalProperties"], path + ".*");
  }
  for (const char* junctor : {"oneOf", "allOf"}) {
    EXPECT_THAT(schema.value(junctor, Json::array()).dump(), Not(HasSubstr("\"type\""))) << path;
  }
}

Json SpecSchema(config::Kind kind) {
  return DefinitionOf(config::InfoOf(
      kind))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
}

config::Kind KindNamed(const std::string& name) {
  for (config::Kind kind : CustomKinds()) {
    if (config::KindName(kind) == name) return kind;
  }
  ADD_FAILURE() << name;
  return config::Kind::kGateway;
}

TEST(Crds, EveryKindHasAStructuralSchemaForAllItsVersions) {
  EXPECT_EQ(CustomKinds().size(), 13u);
  for (config::Kind kind : CustomKinds()) {
    const config::KindInfo& info = config::InfoOf(kind);
    const Json definition = DefinitionOf(info);
    SCOPED_TRACE(definition["metadata"]["name"]);
    const Json& spec = definition["spec"];
    EXPECT_EQ(spec["preserveUnknownFields"], false);
    ASSERT_EQ(spec["versions"].size(), info.versions.size());
    int stored = 0;
    for (const Json& version : spec["versions"]) {
      EXPECT_TRUE(version["served"].get<bool>());
      stored += version["storage"].get<bool>() ? 1 : 0;
      CheckStructural(version["schema"]["openAPIV3Schema"], "");
    }
    EXPECT_EQ(stored, 1);
    // kubectl keeps what it applies in an annotation, and all of those have 256 KiB.
    EXPECT_LT(definition.dump().size(), 250000u);
  }
}

// Fields of a schema that have nothing to say for themselves.
void ListSilentFields(const Json& schema, const std::string& path, std::vector<std::string>* out) {
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [key, child] : properties.items()) {
    if (child.value("description", "").empty()) out->push_back(path + "." + key);
    ListSilentFields(child, path + "." + key, out);
  }
  for (const char* inside : {"items", "additionalProperties"}) {
    if (schema.contains(inside)) ListSilentFields(schema[inside], path, out);
  }
}

TEST(Crds, ExplainEveryField) {
  for (config::Kind kind : CustomKinds()) {
    const Json definition = DefinitionOf(config::InfoOf(kind));
    const Json schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    std::vector<std::string> silent;
    ListSilentFields(schema, std::string(config::KindName(kind)), &silent);
    EXPECT_THAT(silent, IsEmpty());
    EXPECT_NE(schema["description"], "");
    for (const Json& column : definition["spec"]["versions"][0]["additionalPrinterColumns"]) {
      EXPECT_NE(column.value("description", ""), "") << column.dump();
    }
  }
  const Json spec = SpecSchema(config::Kind::kVirtualService);
  EXPECT_EQ(spec["description"], "Rules for hosts, at gateways and in the mesh.");
  const Json rule = spec["properties"]["http"]["items"]["properties"];
  EXPECT_EQ(rule["timeout"]["description"], "Absent or 0: none.");
  EXPECT_EQ(rule["redirect"]["description"],
            "Excludes route and directResponse.\n\nAn answer that sends the client elsewhere.");
  EXPECT_EQ(rule["redirect"]["properties"]["derivePort"]["description"],
            "Where the port comes from.\n\n"
            "FROM_PROTOCOL_DEFAULT: 80 for http, 443 for https.\n\n"
            "FROM_REQUEST_PORT: The port that the request came to.");
}

TEST(Crds, SaysWhatAFieldMayHold) {
  const struct {
    const char* name;
    const char* kind;
    const char* spec;
    const char* problem;
  } rows[] = {
      {"a rule", "VirtualService",
       R"({"hosts":["a"],"http":[{"timeout":"1.5s","route":[{"destination":{"host":"b"},"weight":100}]}]})",
       ""},
      {"an unknown field", "VirtualService", R"({"hotsts":["a"]})", ": unknown field hotsts"},
      {"a string for a number", "VirtualService",
       R"({"http":[{"route":[{"destination":{"host":"b"},"weight":"100"}]}]})",
       ".http[0].route[0].weight: is not of type integer"},
      {"a number for a string", "VirtualService", R"({"hosts":[5]})",
       ".hosts[0]: is not of type string"},
      {"no unit of time", "VirtualService", R"({"http":[{"timeout":"5"}]})",
       ".http[0].timeout: does not match"},
      {"two of a oneof", "VirtualService",
       R"({"http":[{"match":[{"uri":{"exact":"/a","prefix":"/b"}}]}]})",
       ".http[0].match[0].uri: more than one of those of which one may be"},
      {"no host", "DestinationRule", R"({"subsets":[{"name":"v1"}]})", ": host is missing"},
      {"an enum", "DestinationRule",
       R"({"host":"a","trafficPolicy":{"loadBalancer":{"simple":"LEAST_REQUEST"}}})", ""},
      {"no value of an enum", "DestinationRule",
       R"({"host":"a","trafficPolicy":{"loadBalancer":{"simple":"FASTEST"}}})",
       ".trafficPolicy.loadBalancer.simple: is none of the enum"},
      {"a wrapper", "VirtualService",
       R"({"http":[{"corsPolicy":{"allowCredentials":null}},{"corsPolicy":{"allowCredentials":true}}]})",
       ""},
      {"a map of labels", "Sidecar", R"({"workloadSelector":{"labels":{"app":5}},"egress":[]})",
       ".workloadSelector.labels.app: is not of type string"},
      {"anything in a patch", "EnvoyFilter",
       R"({"configPatches":[{"applyTo":"CLUSTER","patch":{"operation":"ADD","value":{"a":[1,{"b":"c"}]}}}]})",
       ""},
      {"a port below 0", "PeerAuthentication", R"({"portLevelMtls":{"80":{"mode":"STRICT"}}})", ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(Problem(SpecSchema(KindNamed(row.kind)), Json::parse(row.spec), ""), row.problem);
  }
}

// Istio's samples and thousands of damaged ones: a schema refuses what the reader refuses, and
// nothing that reading and validating lets through.
TEST(Crds, AgreeWithTheReaderOnDamagedResources) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED names no folder with validation_mutants";
  std::ifstream in(std::string(shared) + "/conformance/validation_mutants/cases.jsonl");
  ASSERT_TRUE(in.good());
  size_t refused = 0;
  size_t all = 0;
  for (std::string line; std::getline(in, line); ++all) {
    const Json c = Json::parse(line, nullptr, false);
    if (!c.is_object()) continue;
    const std::string type = c["type"];
    const config::KindInfo& info = config::InfoOf(KindNamed(type.substr(type.rfind('.') + 1)));
    const std::string problem = Problem(SpecSchema(info.kind), c["spec"], "");
    const Json object = {{"apiVersion", std::string(info.group) + "/v1"},
                         {"kind", info.name},
                         {"metadata", {{"name", "foo"}}},
                         {"spec", c["spec"]}};
    const config::ReadResult read = config::ReadYaml("case", object.dump());
    const bool valid = read.errors.empty() && config::ValidateResource(*read.resources[0]).empty();
    if (!read.errors.empty()) {
      EXPECT_NE(problem, "") << read.errors[0].ToString() << "\n" << c["spec"].dump();
    }
    if (!problem.empty()) {
      ++refused;
      EXPECT_FALSE(valid) << problem << "\n" << c["spec"].dump();
    }
  }
  std::cout << "schemas refuse " << refused << " of " << all << " damaged resources\n";
  EXPECT_GT(refused, 300u);
}

TEST(Crds, PrintsDocumentsForKubectl) {
  std::istringstream in;
  std::ostringstream out, err;
  EXPECT_EQ(ctl::Run({AddCrds}, {"crds"}, in, out, err), kFine);
  EXPECT_EQ(out.str().substr(0, 181),
            "---\n"
            "apiVersion: apiextensions.k8s.io/v1\n"
            "kind: CustomResourceDefinition\n"
            "metadata:\n"
            "  name: authorizationpolicies.security.istio.io\n"
            "spec:\n"
            "  group: security.istio.io\n"
            "  names:\n"
            "    kind: ");
  // A definition is not a kind of the mesh: it is read, and skipped, document by document.
  const config::ReadResult read = config::ReadYaml("crds.yaml", out.str());
  EXPECT_THAT(read.errors, IsEmpty());
  EXPECT_EQ(read.skipped.size(), 13u);

  std::ostringstream json;
  EXPECT_EQ(ctl::Run({AddCrds}, {"crds", "-o", "json"}, in, json, err), kFine);
  EXPECT_EQ(Json::parse(json.str())["items"].size(), 13u);
}

}  // namespace
}  // namespace mesh::ctl
