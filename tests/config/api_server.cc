#include "tests/config/api_server.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"

namespace mesh {

using Json = nlohmann::ordered_json;

namespace {

constexpr char kDefinitions[] = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
constexpr char kJson[] = "application/json";
constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

// The value of a condition; "" when it is not there.
std::string Condition(const Json& definition, const std::string& type) {
  const auto at = definition.find("status");
  if (at == definition.end() || !at->contains("conditions")) return "";
  for (const Json& condition : (*at)["conditions"]) {
    if (condition["type"] == type) return condition["status"];
  }
  return "";
}

}  // namespace

bool ApiServer::Connect() {
  const int port = process_.port();
  if (port == 0) return false;
  connection_ = std::make_unique<local::HttpConnection>("127.0.0.1", port);
  return true;
}

local::HttpResponse ApiServer::Send(const std::string& method, const std::string& path,
                                    const std::string& body, const std::string& accept) {
  local::HttpHeaders headers = {{"Accept", accept}};
  if (!body.empty()) {
    const char* type = method == "PATCH"             ? "application/merge-patch+json"
                       : absl::StartsWith(body, "{") ? "application/json"
                                                     : "application/yaml";
    headers.emplace_back("Content-Type", type);
  }
  absl::StatusOr<local::HttpResponse> response =
      connection_->Request(method, path, headers, body, absl::Minutes(1));
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : local::HttpResponse();
}

ApiServer::Answer ApiServer::Ask(const std::string& method, const std::string& path,
                                 const std::string& body, const std::string& accept) {
  const local::HttpResponse response = Send(method, path, body, accept);
  return {response.status, Json::parse(response.body, nullptr, false)};
}

Json ApiServer::Define(const Json& definition) {
  Json applied = definition;
  applied["metadata"]["annotations"][kLastApplied] = definition.dump();
  const local::HttpResponse created = Send("POST", kDefinitions, applied.dump(), kJson);
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.Header("Warning"), "");
  const std::string name = definition["metadata"]["name"];
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  // Its controllers take turns; there is nothing to listen to but the definition itself.
  Json now;
  bool served = false;
  while (!served && std::chrono::steady_clock::now() < deadline) {
    now = Ask("GET", absl::StrCat(kDefinitions, "/", name)).body;
    served = Condition(now, "Established") == "True";
    for (const Json& version : definition["spec"]["versions"]) {
      const std::string path =
          absl::StrCat("/apis/", definition["spec"]["group"].get<std::string>(), "/",
                       version["name"].get<std::string>(), "/",
                       definition["spec"]["names"]["plural"].get<std::string>());
      served = served && Ask("GET", path).status == 200;
    }
  }
  EXPECT_TRUE(served) << now.dump();
  return now;
}

std::string ApiServer::PathOf(const config::KindInfo& kind, std::string_view version,
                              std::string_view ns) {
  return absl::StrCat("/apis/", Absl(kind.group), "/", Absl(version), "/namespaces/", Absl(ns), "/",
                      Absl(kind.plural));
}

ServerVerdict ApiServer::Judge(const config::KindInfo& kind, std::string_view version,
                               std::string_view ns, const std::string& object) {
  const local::HttpResponse answer =
      Send("POST", absl::StrCat(PathOf(kind, version, ns), "?dryRun=All&fieldValidation=Strict"),
           object, kJson);
  ServerVerdict verdict;
  verdict.status = answer.status;
  if (verdict.accepts()) return verdict;
  EXPECT_TRUE(answer.status == 400 || answer.status == 422) << answer.status << " " << object;
  const Json status = Json::parse(answer.body, nullptr, false);
  if (!status.is_object()) return verdict;
  verdict.message = status.value("message", "");
  const Json causes = status.value("details", Json::object()).value("causes", Json());
  verdict.only_missing = answer.status == 422 && !causes.empty();
  for (const Json& cause : causes) {
    if (cause.value("reason", "") != "FieldValueRequired" ||
        !absl::StartsWith(cause.value("field", ""), "spec")) {
      verdict.only_missing = false;
    }
  }
  return verdict;
}

}  // namespace mesh
