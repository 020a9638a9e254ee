#include "tests/route/envoy_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

extern char** environ;

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;

Json Listener(const std::string& name, const std::string& socket, const Json& routes) {
  return {
      {"name", name},
      {"address", {{"pipe", {{"path", socket}}}}},
      {"filter_chains",
       Json::array(
           {{{"filters",
              Json::array({{{"name", "hcm"},
                            {"typed_config",
                             {{"@type",
                               "type.googleapis.com/envoy.extensions.filters.network."
                               "http_connection_manager.v3.HttpConnectionManager"},
                              {"stat_prefix", "x"},
                              {"route_config", routes},
                              {"max_request_headers_kb", 96},
                              {"http_filters",
                               Json::array({{{"name", "envoy.filters.http.router"},
                                             {"typed_config",
                                              {{"@type",
                                                "type.googleapis.com/envoy.extensions."
                                                "filters.http.router.v3.Router"}}}}})}}}}})}}})}};
}

int ConnectTo(const std::string& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) return -1;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

absl::StatusOr<std::string> FindEnvoy() {
  if (const char* given = std::getenv("ENVOY_BINARY")) return std::string(given);
  std::string cache;
  if (const char* dir = std::getenv("MESH_CACHE")) {
    cache = dir;
  } else if (const char* home = std::getenv("HOME")) {
    cache = absl::StrCat(home, "/.cache/mesh-sdk");
  }
  const std::filesystem::path venv = std::filesystem::path(cache) / "peers/envoy-1.40.0/lib";
  std::error_code error;
  for (const auto& python : std::filesystem::directory_iterator(venv, error)) {
    const auto binary = python.path() / "site-packages/envoy/_bin/envoy";
    if (std::filesystem::exists(binary, error)) return binary.string();
  }
  return absl::NotFoundError(
      absl::StrCat("no Envoy below ", venv.string(), "; third_party/setup/peer envoy installs it"));
}

uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  socklen_t size = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

absl::StatusOr<std::unique_ptr<EnvoyPeer>> EnvoyPeer::Start(const std::string& binary,
                                                            const std::string& directory,
                                                            const std::vector<Json>& route_configs,
                                                            const Json& extra) {
  std::filesystem::create_directories(directory);
  auto socket_of = [&](size_t table) { return absl::StrCat(directory, "/", table, ".sock"); };
  Json resources = extra.is_object() ? extra : Json::object();
  for (size_t i = 0; i < route_configs.size(); ++i) {
    resources["listeners"].push_back(
        Listener(absl::StrCat("t", i), socket_of(i), route_configs[i]));
  }
  const std::string bootstrap = directory + "/bootstrap.json";
  // Secrets are only fetched by a node that says who it is.
  std::ofstream(bootstrap) << Json{
      {"node", {{"id", "peer"}, {"cluster", "peer"}}},
      {"static_resources",
       resources}}.dump();
  const std::string log = directory + "/envoy.log";
  std::vector<std::string> words = {binary,       "-c", bootstrap, "--concurrency",
                                    "1",          "-l", "error",   "--disable-hot-restart",
                                    "--log-path", log};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, binary.c_str(), nullptr, nullptr, argv.data(), environ)) {
    return absl::UnavailableError(absl::StrCat("cannot start ", binary, ": ", strerror(error)));
  }
  auto peer = std::unique_ptr<EnvoyPeer>(new EnvoyPeer(directory, pid));
  // Sockets appear one after the other; the last one is there when all are.
  for (int tries = 0; tries < 6000; ++tries) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      std::ifstream in(log);
      const std::string text((std::istreambuf_iterator<char>(in)), {});
      return absl::UnavailableError(absl::StrCat("envoy ended: ", text.substr(0, 2000)));
    }
    const int fd = ConnectTo(socket_of(route_configs.size() - 1));
    if (fd >= 0) {
      ::close(fd);
      return peer;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::DeadlineExceededError("envoy did not listen within a minute");
}

EnvoyPeer::~EnvoyPeer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string EnvoyPeer::SocketOf(size_t table) const {
  return absl::StrCat(directory_, "/", table, ".sock");
}

PeerClient::~PeerClient() {
  for (size_t i = 0; i < kConnections; ++i) Close(i);
}

void PeerClient::Close(size_t connection) {
  if (fds_[connection] >= 0) ::close(fds_[connection]);
  fds_[connection] = -1;
}

bool PeerClient::Send(size_t connection, const std::string& request) {
  for (int tries = 0; tries < 2; ++tries) {
    if (fds_[connection] < 0) fds_[connection] = ConnectTo(socket_);
    const ssize_t n = ::send(fds_[connection], request.data(), request.size(), MSG_NOSIGNAL);
    if (n == static_cast<ssize_t>(request.size())) return true;
    Close(connection);
  }
  return false;
}

PeerClient::Response PeerClient::Receive(size_t connection) {
  std::string buffer;
  const auto fill = [&] {
    char chunk[16384];
    const ssize_t n = ::recv(fds_[connection], chunk, sizeof(chunk), 0);
    if (n > 0) buffer.append(chunk, n);
    return n > 0;
  };
  Response response;
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) {
      Close(connection);
      return response;
    }
  }
  size_t length = 0, line = 0;
  bool close = false;
  std::string grpc_status, grpc_message;
  while (line < end) {
    const size_t stop = buffer.find("\r\n", line);
    const std::string text = buffer.substr(line, stop - line);
    const auto value = [&](const char* name) -> std::optional<std::string> {
      if (!absl::StartsWithIgnoreCase(text, name)) return std::nullopt;
      return std::string(absl::StripAsciiWhitespace(text.substr(std::strlen(name))));
    };
    if (line == 0) {
      (void)absl::SimpleAtoi(text.substr(9, 3), &response.status);
    } else if (const auto size = value("content-length:")) {
      (void)absl::SimpleAtoi(*size, &length);
    } else if (const auto status = value("grpc-status:")) {
      grpc_status = *status;
    } else if (const auto message = value("grpc-message:")) {
      grpc_message = *message;
    } else if (const auto location = value("location:")) {
      response.location = *location;
    } else if (value("connection: close")) {
      close = true;
    }
    line = stop + 2;
  }
  while (buffer.size() < end + 4 + length && fill()) {
  }
  response.body = buffer.substr(end + 4, length);
  // A gRPC client is answered in headers: UNIMPLEMENTED for 404, the body as the message.
  if (!grpc_status.empty()) {
    if (grpc_status == "12") response.status = 404;
    response.body = grpc_message;
  }
  if (close) Close(connection);
  return response;
}

std::vector<PeerClient::Response> PeerClient::Ask(const std::vector<std::string>& requests) {
  std::vector<Response> responses;
  for (size_t first = 0; first < requests.size(); first += kConnections) {
    const size_t count = std::min(kConnections, requests.size() - first);
    bool sent[kConnections];
    for (size_t i = 0; i < count; ++i) sent[i] = Send(i, requests[first + i]);
    for (size_t i = 0; i < count; ++i) responses.push_back(sent[i] ? Receive(i) : Response());
  }
  return responses;
}

}  // namespace mesh
