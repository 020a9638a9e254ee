#include "mesh/testing/envoy.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/local/files.h"
#include "mesh/local/http_client.h"
#include "nlohmann/json.hpp"

namespace mesh::testing {
namespace {

using Json = nlohmann::json;

constexpr char kName[] = "envoy";
constexpr absl::Duration kAdminTimeout = absl::Seconds(10);

// A child that dies stays dead: a test must see it.
local::Supervisor::Options Once(LogSink* log) {
  local::Supervisor::Options options;
  options.log = log;
  options.min_delay = options.max_delay = absl::Hours(24);
  return options;
}

absl::StatusOr<std::pair<std::string, int>> SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not HOST:PORT"));
  }
  return std::make_pair(address.substr(0, colon), port);
}

// As Envoy's configuration has it.
absl::StatusOr<Json> AddressJson(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return Json{{"pipe", {{"path", address.substr(5)}}}};
  const auto split = SplitAddress(address);
  if (!split.ok()) return split.status();
  return Json{{"socket_address", {{"address", split->first}, {"port_value", split->second}}}};
}

absl::StatusOr<std::string> Bootstrap(const EnvoyOptions& options) {
  const absl::StatusOr<Json> address = AddressJson(options.xds_address);
  if (!address.ok()) return address.status();
  const Json metadata = Json::parse(options.node_metadata_json, nullptr, false);
  if (!metadata.is_object()) {
    return absl::InvalidArgumentError("the node's metadata is no JSON object");
  }
  Json bootstrap = Json::parse(R"({
    "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
    "dynamic_resources": {
      "lds_config": {"ads": {}, "resource_api_version": "V3"},
      "cds_config": {"ads": {}, "resource_api_version": "V3"},
      "ads_config": {"api_type": "GRPC", "transport_api_version": "V3",
                     "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]}},
    "static_resources": {"clusters": [{
      "name": "xds", "type": "STATIC", "connect_timeout": "1s",
      "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          "explicit_http_config": {"http2_protocol_options": {}}}}}]}})");
  bootstrap["node"] = {
      {"id", options.node_id}, {"cluster", options.node_cluster}, {"metadata", metadata}};
  const Json endpoint = {{"endpoint", {{"address", *address}}}};
  bootstrap["static_resources"]["clusters"][0]["load_assignment"] = {
      {"cluster_name", "xds"},
      {"endpoints", Json::array({{{"lb_endpoints", Json::array({endpoint})}}})}};
  return bootstrap.dump();
}

absl::StatusOr<std::string> MakeDirectory() {
  const char* const root = getenv("TEST_TMPDIR");
  std::string name = absl::StrCat(root == nullptr ? "/tmp" : root, "/envoy.XXXXXX");
  if (mkdtemp(name.data()) == nullptr) {
    return absl::InternalError(absl::StrCat("cannot make a directory ", name));
  }
  return name;
}

std::string Contents(const std::string& path) {
  absl::StatusOr<std::string> text = local::ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

}  // namespace

Envoy::Envoy(std::string directory, LogSink* log)
    : directory_(std::move(directory)), supervisor_(Once(log)) {}

Envoy::~Envoy() {
  supervisor_.StopAll(absl::ZeroDuration());
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::StatusOr<std::unique_ptr<Envoy>> Envoy::Start(EnvoyOptions options) {
  const absl::StatusOr<std::string> bootstrap = Bootstrap(options);
  if (!bootstrap.ok()) return bootstrap.status();
  absl::StatusOr<std::string> directory = MakeDirectory();
  if (!directory.ok()) return directory.status();
  std::unique_ptr<Envoy> envoy(new Envoy(*directory, options.log));
  const std::string config = *directory + "/bootstrap.json";
  if (absl::Status status = local::WriteAtomically(config, *bootstrap); !status.ok()) {
    return status;
  }
  const absl::Status status = envoy->supervisor_.Start(
      {kName,
       {options.binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l",
        "warning", "--log-path", *directory + "/log", "--admin-address-path", *directory + "/admin",
        "--file-flush-interval-msec", "50"},
       *directory + "/output"});
  if (!status.ok()) return status;
  return envoy;
}

absl::StatusOr<std::string> Envoy::AskAdmin(std::string_view method, std::string_view path) const {
  const auto admin = SplitAddress(Contents(directory_ + "/admin"));
  if (!admin.ok()) return absl::UnavailableError("this Envoy has no admin address yet");
  const absl::StatusOr<local::HttpResponse> answer =
      local::HttpConnection(admin->first, admin->second)
          .Request(method, path, {}, "", kAdminTimeout);
  if (!answer.ok()) return answer.status();
  return answer->body;
}

absl::StatusOr<std::string> Envoy::Admin(std::string_view path) const {
  return AskAdmin("GET", path);
}

absl::StatusOr<std::string> Envoy::AdminPost(std::string_view path) const {
  return AskAdmin("POST", path);
}

uint64_t Envoy::Stat(std::string_view name) const {
  const absl::StatusOr<std::string> page = Admin("/stats?usedonly");
  if (!page.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*page, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, ": ");
    uint64_t value = 0;
    if (parts.first == Absl(name) && absl::SimpleAtoi(parts.second, &value)) return value;
  }
  return 0;
}

std::string Envoy::Output() const { return Contents(directory_ + "/output"); }

std::string Envoy::Log() const { return Contents(directory_ + "/log"); }

}  // namespace mesh::testing
