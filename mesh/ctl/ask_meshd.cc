#include "mesh/ctl/ask_meshd.h"

#include <ostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {

void AddServerFlag(CLI::App* command, std::string* server) {
  *server = "127.0.0.1:15014";
  command->add_option("--server", *server, "meshd's monitoring port")
      ->type_name("HOST:PORT")
      ->capture_default_str();
}

namespace {

std::optional<local::HttpResponse> Send(const char* method, const std::string& server,
                                        std::string_view path, Context* context) {
  const size_t colon = server.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(server.substr(colon + 1), &port)) {
    throw CLI::ValidationError("--server must be HOST:PORT, not \"" + server + "\"");
  }
  local::HttpConnection connection(server.substr(0, colon), port);
  auto response = connection.Request(method, path, {{"content-type", "application/json"}}, "",
                                     absl::Seconds(10));
  if (!response.ok()) {
    context->err << "meshctl: meshd does not answer: " << std::string(response.status().message())
                 << "\n";
    context->exit_code = kFailed;
    return std::nullopt;
  }
  return *std::move(response);
}

}  // namespace

std::optional<local::HttpResponse> AskMeshd(const std::string& server, std::string_view path,
                                            Context* context) {
  return Send("GET", server, path, context);
}

std::string TextOf(const nlohmann::ordered_json& object, const char* key) {
  const auto it = object.find(key);  // of anything but an object: the end
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<local::HttpResponse> PostMeshd(const std::string& server, std::string_view path,
                                             Context* context) {
  return Send("POST", server, path, context);
}

}  // namespace mesh::ctl
