#include "mesh/proxy/testing.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/envoy/proxy_routes.h"
#include "mesh/proxy/network.h"

namespace mesh::proxy::testing {
namespace {

template <class Proto>
Proto FromJson(const std::string& json) {
  // Any's JSON form needs it linked in.
  ::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate::descriptor();
  ::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector::descriptor();
  ::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor();
  Proto proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
  return proto;
}

}  // namespace

Peer::Peer(int fd) : fd_(fd) {
  const timeval limit = {10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}
Peer::~Peer() { Close(); }
Peer::Peer(Peer&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      held_(std::move(other.held_)),
      tls_(std::move(other.tls_)) {}

Peer& Peer::operator=(Peer&& other) noexcept {
  Close();
  fd_ = std::exchange(other.fd_, -1);
  held_ = std::move(other.held_);
  tls_ = std::move(other.tls_);
  return *this;
}

void Peer::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}
void Peer::FinishWrites() { shutdown(fd_, SHUT_WR); }
void Peer::Reset() {
  const linger abort = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  Close();
}

bool Peer::SendRaw(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += n;
  }
  return true;
}

// What the session has to say.
bool Peer::SendTls() {
  const std::string bytes(tls_->outgoing());
  tls_->Sent(bytes.size());
  return SendRaw(bytes);
}

bool Peer::Send(const std::string& bytes) {
  if (tls_ == nullptr) return SendRaw(bytes);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const tls::IoResult written = tls_->Write(rest);
    if (written.progress == tls::Progress::kFailed) return false;
    if (written.progress == tls::Progress::kDone) rest.remove_prefix(written.bytes);
    if (!SendTls()) return false;
  }
  return true;
}

bool Peer::StartTls(std::shared_ptr<const tls::Context> context, const std::string& server_name) {
  tls_ = std::make_unique<tls::Session>(std::move(context), tls::SessionOptions{server_name});
  if (!held_.empty()) tls_->Receive(std::exchange(held_, ""));
  char buffer[65536];
  for (;;) {
    const tls::Progress progress = tls_->Handshake();
    if (!SendTls() || progress == tls::Progress::kFailed) return false;
    if (progress == tls::Progress::kDone) return true;
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n < 0) return false;
    if (n == 0) {
      tls_->ReceiveEnd();
    } else {
      tls_->Receive(std::string_view(buffer, n));
    }
  }
}

void Peer::FinishTls() {
  tls_->Close();
  SendTls();
}

bool Peer::Fill() {
  char buffer[65536];
  for (;;) {
    if (tls_ != nullptr) {
      const tls::IoResult read = tls_->Read(absl::MakeSpan(buffer));
      if (read.progress == tls::Progress::kDone) {
        held_.append(buffer, read.bytes);
        return true;
      }
      if (!SendTls() || read.progress != tls::Progress::kWantRead) return false;
    }
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n < 0) return false;
    if (tls_ == nullptr) {
      held_.append(buffer, n);
      return n > 0;
    }
    if (n == 0) {
      tls_->ReceiveEnd();
    } else {
      tls_->Receive(std::string_view(buffer, n));
    }
  }
}

std::string Peer::ReadSome(size_t n) {
  while (held_.empty()) {
    if (!Fill()) return "";
  }
  std::string out = held_.substr(0, n);
  held_.erase(0, out.size());
  return out;
}

bool Peer::AtEnd() { return held_.empty() && !Fill() && held_.empty(); }

std::string Peer::ReadAll() {
  while (Fill()) {
  }
  return std::exchange(held_, "");
}

std::string Peer::Message::Header(const std::string& name) const {
  std::vector<std::string> values;
  for (const auto& [n, v] : headers) {
    if (absl::AsciiStrToLower(n) == name) values.push_back(v);
  }
  return absl::StrJoin(values, "|");
}

bool Peer::Message::Has(const std::string& name) const {
  for (const auto& [n, v] : headers) {
    if (absl::AsciiStrToLower(n) == name) return true;
  }
  return false;
}

int Peer::Message::status() const {
  int status = 0;
  const std::vector<std::string> parts = absl::StrSplit(start, ' ');
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[1], &status)) return 0;
  return status;
}

std::optional<Peer::Message> Peer::Read(bool to_head) {
  size_t end;
  while ((end = held_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return std::nullopt;
  }
  Message message;
  const std::vector<std::string> lines = absl::StrSplit(held_.substr(0, end), "\r\n");
  held_.erase(0, end + 4);
  message.start = lines[0];
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
    message.headers.push_back(field);
  }
  const bool response = message.start.rfind("HTTP/", 0) == 0;
  const int status = message.status();
  if (response && (status < 200 || status == 204 || status == 304)) return message;
  if (to_head) return message;
  if (message.Header("transfer-encoding") == "chunked") {
    for (;;) {
      size_t line;
      while ((line = held_.find("\r\n")) == std::string::npos) {
        if (!Fill()) return std::nullopt;
      }
      const size_t size = std::stoul(held_.substr(0, line), nullptr, 16);
      held_.erase(0, line + 2);
      while (held_.size() < size + 2) {
        if (!Fill()) return std::nullopt;
      }
      message.body.append(held_, 0, size);
      if (size > 0) {
        held_.erase(0, size + 2);
        continue;
      }
      while (held_.substr(0, 2) != "\r\n") {  // trailers
        size_t trailer;
        while ((trailer = held_.find("\r\n")) == std::string::npos) {
          if (!Fill()) return std::nullopt;
        }
        held_.erase(0, trailer + 2);
        while (held_.size() < 2) {
          if (!Fill()) return std::nullopt;
        }
      }
      held_.erase(0, 2);
      return message;
    }
  }
  if (message.Has("content-length")) {
    size_t size = 0;
    EXPECT_TRUE(absl::SimpleAtoi(message.Header("content-length"), &size));
    while (held_.size() < size) {
      if (!Fill()) return std::nullopt;
    }
    message.body = held_.substr(0, size);
    held_.erase(0, size);
    return message;
  }
  if (response) {
    message.until_close = true;
    message.body = ReadAll();
  }
  return message;
}

Peer Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Address address = *Address::Parse("127.0.0.1", port);
  EXPECT_EQ(connect(fd, address.data(), address.size()), 0) << strerror(errno);
  return Peer(fd);
}

Server::Server(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
  listener_ = ListenOn(*Address::Parse("127.0.0.1", 0), false, 1024);
  port_ = Address::LocalOf(listener_).port();
  acceptor_ = std::thread([this] { Run(); });
}

Server::~Server() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& t : threads) t.join();
}

int Server::connections() const {
  MutexLock lock(&mutex_);
  return count_;
}

int Server::closed() const {
  MutexLock lock(&mutex_);
  return closed_;
}

void Server::Run() {
  for (;;) {
    pollfd ready = {listener_, POLLIN, 0};
    poll(&ready, 1, -1);
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN && (ready.revents & POLLHUP) == 0) continue;
      return;
    }
    MutexLock lock(&mutex_);
    ++count_;
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      Peer peer(fd);
      serve_(peer);
      MutexLock closing(&mutex_);
      for (int& open : open_) {
        if (open == fd) open = -1;
      }
      peer.Close();
      ++closed_;
    });
  }
}

std::function<void(Peer&)> Server::Answering(
    std::function<std::string(const Peer::Message&)> answer) {
  return [answer](Peer& peer) {
    while (std::optional<Peer::Message> request = peer.Read()) {
      if (!peer.Send(answer(*request))) return;
    }
  };
}

std::string Ok(const std::string& body, const std::string& headers) {
  return absl::StrCat("HTTP/1.1 200 OK\r\n", headers, "Content-Length: ", body.size(), "\r\n\r\n",
                      body);
}

envoy::Cluster ClusterFromJson(const std::string& json) {
  auto loaded = envoy::LoadCluster(FromJson<::envoy::config::cluster::v3::Cluster>(json));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? *loaded : envoy::Cluster();
}

envoy::Listener ListenerFromJson(const std::string& json) {
  auto loaded = envoy::LoadListener(FromJson<::envoy::config::listener::v3::Listener>(json));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? *loaded : envoy::Listener();
}

std::shared_ptr<const route::action::RouteConfig> RoutesFromJson(const std::string& json) {
  auto loaded =
      envoy::LoadProxyRoutes(FromJson<::envoy::config::route::v3::RouteConfiguration>(json));
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? *loaded : nullptr;
}

envoy::Cluster StaticCluster(const std::string& name, const std::vector<uint16_t>& ports,
                             const std::string& more) {
  std::vector<std::string> endpoints;
  for (uint16_t port : ports) {
    endpoints.push_back(absl::StrCat(
        R"({"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":)", port,
        "}}}}"));
  }
  return ClusterFromJson(absl::StrCat(
      R"({"name":")", name, R"(","type":"STATIC","connect_timeout":"5s",)",
      more.find("circuit_breakers") != std::string::npos
          ? ""
          : R"("circuit_breakers":{"thresholds":[{"max_connections":4294967295,
               "max_pending_requests":4294967295,"max_requests":4294967295,
               "max_retries":4294967295}]},)",
      R"("load_assignment":{"cluster_name":")", name, R"(","endpoints":[{"lb_endpoints":[)",
      absl::StrJoin(endpoints, ","), "]}]}", more.empty() ? "" : ",", more, "}"));
}

envoy::Listener HttpListener(const std::string& virtual_hosts, const std::string& more,
                             const std::string& name, const std::string& filters) {
  const std::string routes =
      more.find("\"rds\"") != std::string::npos
          ? ""
          : absl::StrCat(R"("route_config":{"name":"r","virtual_hosts":[)", virtual_hosts, "]},");
  return ListenerFromJson(
      absl::StrCat(R"({"name":")", name,
                   R"(","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},
        "filter_chains":[{"filters":[{"name":"http","typed_config":{
        "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix":"in",)",
                   routes, more, more.empty() ? "" : ",", R"("http_filters":[)", filters,
                   filters.empty() ? "" : ",", R"(
          {"name":"cors","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"}},
          {"name":"envoy.filters.http.fault","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}},
          {"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]
        }}]}]})"));
}

std::string ToCluster(const std::string& cluster, const std::string& more) {
  return absl::StrCat(
      R"({"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":")",
      cluster, "\"", more.empty() ? "" : ",", more, "}}]}");
}

std::unique_ptr<Proxy> StartProxy(ProxyConfig config, const Options& options,
                                  std::vector<Secret> secrets) {
  ProxyOptions proxy_options;
  proxy_options.node.id = "sidecar~127.0.0.1~test-1.default~default.svc.cluster.local";
  proxy_options.concurrency = options.concurrency;
  proxy_options.make_network = options.make_network;
  proxy_options.local_secrets = options.local_secrets;
  proxy_options.access_log = options.access_log;
  auto proxy = Proxy::Start(proxy_options);
  EXPECT_TRUE(proxy.ok()) << proxy.status();
  if (!secrets.empty()) (*proxy)->SetSecrets(std::move(secrets));
  const absl::Status applied = (*proxy)->Apply(std::move(config));
  EXPECT_TRUE(applied.ok()) << applied;
  return *std::move(proxy);
}

uint64_t Stat(const Proxy& proxy, const std::string& name) {
  for (absl::string_view line : absl::StrSplit(proxy.Admin("/stats"), '\n')) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, ": ");
    uint64_t value = 0;
    if (parts.first == name && absl::SimpleAtoi(parts.second, &value)) return value;
  }
  return 0;
}

bool WaitForStat(const Proxy& proxy, const std::string& name, uint64_t value) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (Stat(proxy, name) != value) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace mesh::proxy::testing
