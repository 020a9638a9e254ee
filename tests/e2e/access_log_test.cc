// The access log of mesh-proxy beside Envoy's: the same requests, byte for byte, to the same
// listeners with the same configuration, once with each of them in the place; then the lines,
// operator by operator. What has to differ (times, ports, random ids) is compared by its shape.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/testing.h"
#include "mesh/testing/mesh.h"
#include "tests/route/envoy_peer.h"

namespace {

using mesh::proxy::testing::Ok;
using mesh::proxy::testing::Peer;
using mesh::testing::Mesh;

// Istio's default format, each operator under a name of its own; and two more that say why.
constexpr const char* kOperators[][2] = {
    {"case", "%REQ(X-CASE)%"},
    {"start", "%START_TIME%"},
    {"method", "%REQ(:METHOD)%"},
    {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"code", "%RESPONSE_CODE%"},
    {"flags", "%RESPONSE_FLAGS%"},
    {"status", "%DYNAMIC_METADATA(istio.mixer:status)%"},
    {"failure", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
    {"received", "%BYTES_RECEIVED%"},
    {"sent", "%BYTES_SENT%"},
    {"duration", "%DURATION%"},
    {"service-time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
    {"forwarded-for", "%REQ(X-FORWARDED-FOR)%"},
    {"user-agent", "%REQ(USER-AGENT)%"},
    {"request-id", "%REQ(X-REQUEST-ID)%"},
    {"authority", "%REQ(:AUTHORITY)%"},
    {"upstream", "%UPSTREAM_HOST%"},
    {"cluster", "%UPSTREAM_CLUSTER%"},
    {"upstream-local", "%UPSTREAM_LOCAL_ADDRESS%"},
    {"local", "%DOWNSTREAM_LOCAL_ADDRESS%"},
    {"remote", "%DOWNSTREAM_REMOTE_ADDRESS%"},
    {"server-name", "%REQUESTED_SERVER_NAME%"},
    {"route", "%ROUTE_NAME%"},
    {"details", "%RESPONSE_CODE_DETAILS%"},
    {"attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"},
};
// No header value can hold it.
constexpr char kBetween = '\x1f';

// How a client behaves once it has sent its request.
enum class Then {
  kRead,   // takes the answer
  kLeave,  // goes away as soon as the upstream has the request
};

struct Case {
  const char* name;
  std::string request;
  Then then = Then::kRead;
};

std::string Get(const std::string& name, const std::string& target, const std::string& more = "") {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: log.test\r\nX-Case: ", name, "\r\n", more,
                      "\r\n");
}

// `run` tells the lines of one round from those of another: "1/a query".
std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Case> Cases(int run) {
  std::vector<Case> cases;
  const auto get = [&cases, run](const char* name, const std::string& target,
                                 const std::string& more = "", Then then = Then::kRead) {
    cases.push_back({name, Get(absl::StrCat(run, "/", name), target, more), then});
  };
  const auto raw = [&cases, run](const char* name, const std::string& request,
                                 Then then = Then::kRead) {
    cases.push_back(
        {name, absl::StrReplaceAll(request, {{"NAME", absl::StrCat(run, "/", name)}}), then});
  };
  get("200", "/ok");
  get("a query", "/ok?a=1&b=%22x%22");
  raw("a body",
      "POST /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nContent-Length: 5\r\n\r\nhello");
  raw("a body in chunks",
      "POST /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  raw("HEAD", "HEAD /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  raw("an answer before the body",
      "POST /nope HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nContent-Length: 5\r\n\r\nhello");
  get("an answer in chunks", "/chunked");
  get("204", "/204");
  get("304", "/304");
  get("404 of the upstream", "/404");
  get("404 NR", "/nope");
  get("503 UF after retries", "/dead");
  get("503 UF", "/dead-once");
  get("503 UH", "/empty");
  get("503 NC", "/no-cluster");
  get("a redirect", "/redirect?x=1");
  get("a direct response", "/direct");
  get("504 UT", "/slow-timeout");
  get("504 UT of one attempt", "/slow-try");
  get("a retry that helps", "/flaky");
  get("retries that do not help", "/failing");
  get("the client leaves", "/slow", "", Then::kLeave);
  raw("the client leaves in its body",
      "POST /slow HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nContent-Length: 50\r\n\r\nhello",
      Then::kLeave);
  get("the upstream closes", "/close");
  get("the upstream resets", "/reset");
  get("the upstream closes in its answer", "/half");
  get("the upstream closes in its head", "/half-head");
  get("the upstream resets in its answer", "/half-reset");
  get("the upstream closes between chunks", "/half-chunks");
  get("the upstream answers until it closes", "/until-close");
  get("the upstream speaks no HTTP", "/garbage");
  get("an injected error", "/abort");
  get("an injected delay", "/delay");
  get("a long path", "/ok/" + std::string(4000, 'x'));
  get("headers too large", "/ok", "X-Long: " + std::string(70000, 'x') + "\r\n");
  get("quotes", "/ok?\"'\\", "User-Agent: a\"b\\c\" 200 - \"GET / HTTP/1.1\r\n");
  get("bytes", "/ok", "User-Agent: caf\xc3\xa9 \xff\xfe \t tab\r\n");
  get("an escape sequence", "/ok%1b[31m%0a", "User-Agent: %0a\\x1b\r\n");
  get("an empty header", "/ok", "User-Agent:\r\n");
  get("a header twice", "/ok", "User-Agent: one\r\nUser-Agent: two\r\n");
  get("forwarded", "/ok", "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n");
  get("a request id", "/ok", "X-Request-Id: 00000000-1111-4222-8333-444444444444\r\n");
  get("a request id that is none", "/ok", "X-Request-Id: \"mine\"\r\n");
  get("an original path", "/ok", "X-Envoy-Original-Path: /other\r\n");
  get("a rewrite", "/rewrite/x?q");
  get("dot segments", "/a/./../ok");
  get("two slashes", "//ok");
  raw("a host with a port", "GET /ok HTTP/1.1\r\nHost: log.test:9080\r\nX-Case: NAME\r\n\r\n");
  raw("a host in capitals", "GET /ok HTTP/1.1\r\nHost: LOG.test\r\nX-Case: NAME\r\n\r\n");
  raw("the absolute form",
      "GET http://log.test/ok HTTP/1.1\r\nHost: other\r\nX-Case: NAME\r\n\r\n");
  raw("HTTP/1.0", "GET /ok HTTP/1.0\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  raw("HTTP/1.0 without a host", "GET /ok HTTP/1.0\r\nX-Case: NAME\r\n\r\n");
  raw("no host", "GET /ok HTTP/1.1\r\nX-Case: NAME\r\n\r\n");
  raw("OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  raw("a host that is none", "GET /ok HTTP/1.1\r\nHost: log test\r\nX-Case: NAME\r\n\r\n");
  raw("a path without a slash", "GET ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  raw("CONNECT", "CONNECT log.test:80 HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  get("a header that must stay", "/ok", "Connection: x-forwarded-for\r\n");
  raw("a length and chunks",
      "POST /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nTransfer-Encoding: chunked\r\n"
      "Content-Length: 3\r\n\r\n0\r\n\r\n");
  get("an escaped NUL", "/ok%00");
  get("an escaped slash", "/ok%2fx");
  get("a path above the root", "/../../ok");
  get("a fragment", "/ok#top");
  get("too many headers", "/ok", Repeated("X-More: 1\r\n", 150));
  get("a header line without a colon", "/ok", "what is this\r\n");
  get("a header name with a blank", "/ok", "X-Odd : 1\r\n");
  raw("a method nobody knows", "BREW /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\n\r\n");
  raw("two lengths",
      "POST /ok HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nContent-Length: 5\r\n"
      "Content-Length: 6\r\n\r\nhello");
  raw("a broken chunk",
      "POST /slow HTTP/1.1\r\nHost: log.test\r\nX-Case: NAME\r\nTransfer-Encoding: chunked\r\n"
      "\r\nzz\r\n");
  get("an upgrade nobody knows", "/ok", "Connection: upgrade\r\nUpgrade: other\r\n");
  get("100-continue", "/ok", "Expect: 100-continue\r\n");
  return cases;
}

// What the upstream does, by path.
class Upstream {
 public:
  Upstream() : server_([this](Peer& peer) { Serve(peer); }) {}
  uint16_t port() const { return server_.port(); }
  // Waits until a request for a /slow path has come that nobody waited for yet.
  bool WaitForSlow() {
    mesh::MutexLock lock(&mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (slow_ == 0) {
      if (!came_.WaitUntil(&mutex_, deadline) && slow_ == 0) return false;
    }
    --slow_;
    return true;
  }
  // A new request: nothing has happened yet.
  void Begin() {
    mesh::MutexLock lock(&mutex_);
    slow_ = 0;
    arrived_ = false;
  }
  // The client has what the upstream said so far.
  void HasArrived() {
    mesh::MutexLock lock(&mutex_);
    arrived_ = true;
    came_.NotifyAll();
  }

 private:
  void Serve(Peer& peer) {
    while (const auto head = peer.Read(/*to_head=*/true)) {
      const std::vector<std::string> start = absl::StrSplit(head->start, ' ');
      const std::string path = start.size() > 1 ? start[1] : "";
      if (absl::StartsWith(path, "/slow")) {
        mesh::MutexLock lock(&mutex_);
        ++slow_;
        came_.NotifyAll();
      }
      // Its body is of no interest, and short.
      if (head->Header("transfer-encoding") == "chunked") {
        std::string body;
        while (!absl::EndsWith(body, "0\r\n\r\n")) {
          const std::string more = peer.ReadSome(1000);
          if (more.empty()) return;
          body += more;
        }
      }
      size_t length = 0;
      if (absl::SimpleAtoi(head->Header("content-length"), &length)) {
        while (length > 0) {
          const std::string more = peer.ReadSome(length);
          if (more.empty()) return;
          length -= more.size();
        }
      }
      if (!Answer(peer, path, start[0] == "HEAD")) return;
    }
  }
  void WaitForArrival() {
    mesh::MutexLock lock(&mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!arrived_ && came_.WaitUntil(&mutex_, deadline)) {
    }
  }
  // False where the connection is to end.
  bool Answer(Peer& peer, const std::string& path, bool head) {
    if (absl::StartsWith(path, "/slow")) {
      peer.AtEnd();
      return false;
    }
    if (path == "/close") return false;
    if (path == "/reset") {
      peer.Reset();
      return false;
    }
    if (path == "/half") {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
      return false;
    }
    if (path == "/half-head") {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Le");
      return false;
    }
    if (path == "/half-chunks") {
      peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
      return false;
    }
    if (path == "/half-reset") {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
      // Once it has been passed on: a reset may overtake what was sent before it.
      WaitForArrival();
      peer.Reset();
      return false;
    }
    if (path == "/until-close") {
      peer.Send("HTTP/1.1 200 OK\r\n\r\nhello");
      return false;
    }
    if (path == "/garbage") {
      peer.Send("this is no HTTP\r\n\r\n");
      return false;
    }
    if (path == "/chunked") {
      return peer.Send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    }
    if (path == "/204") return peer.Send("HTTP/1.1 204 No Content\r\n\r\n");
    if (path == "/304") return peer.Send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    if (path == "/404") {
      return peer.Send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
    }
    if (path == "/failing" || (path == "/flaky" && flaky_++ % 2 == 0)) {
      return peer.Send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad");
    }
    if (head) return peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    return peer.Send(Ok("hello"));
  }

  mesh::Mutex mutex_;
  mesh::CondVar came_;
  int slow_ ABSL_GUARDED_BY(mutex_) = 0;
  bool arrived_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> flaky_{0};
  mesh::proxy::testing::Server server_;  // the last: its threads use the others
};

// A port of 127.0.0.1 that is taken but on which nobody listens.
class DeadPort {
 public:
  DeadPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~DeadPort() { close(fd_); }
  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

Peer ConnectTo(const std::string& address, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &name.sin_addr), 1) << address;
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0)
      << address << ":" << port;
  return Peer(fd);
}

constexpr char kWorkload[] = R"(apiVersion: v1
kind: Service
metadata: {name: client, namespace: default}
spec:
  selector: {app: client}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: default}
spec:
  selector: {app: nobody}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: default}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      containers:
      - {name: client, image: "docker.io/istio/examples-bookinfo-details-v1:1.16.2", ports: [{containerPort: 9080}]}
)";

constexpr char kRoutes[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata: {name: gateway, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {bind: GATEWAY, port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: log, namespace: default}
spec:
  hosts: [log.test]
  ports: [{number: 9080, name: http, protocol: HTTP}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: UPSTREAM}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: dead, namespace: default}
spec:
  hosts: [dead.test]
  ports: [{number: 9080, name: http, protocol: HTTP}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {http: DEAD}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: log, namespace: default}
spec:
  hosts: [log.test]
  gateways: [mesh, gateway]
  http:
  - name: dead
    match: [{uri: {exact: /dead}}]
    route: [{destination: {host: dead.test}}]
  - match: [{uri: {exact: /dead-once}}]
    retries: {attempts: 0}
    route: [{destination: {host: dead.test}}]
  - match: [{uri: {exact: /empty}}]
    route: [{destination: {host: empty.default.svc.cluster.local}}]
  - name: no-cluster
    match: [{uri: {exact: /no-cluster}}]
    route: [{destination: {host: log.test, subset: nowhere}}]
  - name: redirect
    match: [{uri: {exact: /redirect}}]
    redirect: {uri: /elsewhere, authority: other.test}
  - name: direct
    match: [{uri: {exact: /direct}}]
    directResponse: {status: 418, body: {string: "short and stout"}}
  - match: [{uri: {exact: /slow-timeout}}]
    timeout: 0.05s
    retries: {attempts: 0}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {exact: /slow-try}}]
    retries: {attempts: 1, perTryTimeout: 0.05s, retryOn: 5xx}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {exact: /flaky}}, {uri: {exact: /failing}}]
    retries: {attempts: 1, retryOn: 5xx}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {exact: /close}}, {uri: {exact: /reset}}, {uri: {prefix: /half}}, {uri: {exact: /until-close}}, {uri: {exact: /garbage}}]
    retries: {attempts: 0}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {exact: /abort}}]
    fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {exact: /delay}}]
    fault: {delay: {fixedDelay: 0.02s, percentage: {value: 100}}}
    route: [{destination: {host: log.test}}]
  - name: rewrite
    match: [{uri: {prefix: /rewrite/}}]
    rewrite: {uri: /ok/, authority: rewritten.test}
    route: [{destination: {host: log.test}}]
  - match: [{uri: {prefix: /ok}}, {uri: {prefix: /chunked}}, {uri: {prefix: /204}}, {uri: {prefix: /304}}, {uri: {prefix: /404}}, {uri: {prefix: /slow}}]
    route: [{destination: {host: log.test}}]
)";

using Fields = std::map<std::string, std::string>;

Fields Parse(const std::string& line) {
  Fields fields;
  for (absl::string_view part : absl::StrSplit(line, kBetween)) {
    const std::pair<std::string, std::string> field = absl::StrSplit(part, absl::MaxSplits('=', 1));
    fields[field.first] = field.second;
  }
  return fields;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// Letters, digits and everything else: "9999-99-99T99:99:99.999Z".
std::string Shape(std::string text) {
  for (char& c : text) {
    if (absl::ascii_isdigit(c)) c = '9';
  }
  return text;
}

bool IsUuid(const std::string& text) {
  std::string shape = text;
  for (char& c : shape) {
    if (absl::ascii_isxdigit(c)) c = 'x';
  }
  return shape == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
}

// The host's first address that is not on loopback.
std::string HostAddress() {
  std::string found = "127.0.0.1";
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* it = all; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || it->ifa_addr->sa_family != AF_INET) continue;
    const in_addr address = reinterpret_cast<const sockaddr_in*>(it->ifa_addr)->sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) continue;
    char text[INET_ADDRSTRLEN];
    found = inet_ntop(AF_INET, &address, text, sizeof(text));
    break;
  }
  freeifaddrs(all);
  return found;
}

// What of a value must be the same on both sides.
std::string Comparable(const std::string& name, const std::string& value) {
  if (name == "start") return Shape(value);
  if (name == "duration" || name == "service-time") return IsNumber(value) ? "a number" : value;
  if (name == "request-id") {
    // One that a client may choose stays; a random one is another each time.
    return IsUuid(value) && !absl::StartsWith(value, "00000000-") ? "random" : value;
  }
  if (name == "upstream-local" || name == "remote") {
    const size_t colon = value.rfind(':');
    return colon == std::string::npos || !IsNumber(value.substr(colon + 1))
               ? value
               : value.substr(0, colon) + ":port";
  }
  if (name == "forwarded-for") {
    // Of a client on loopback Envoy's gateway says the host's own address instead.
    return absl::StrReplaceAll(value, {{HostAddress(), "127.0.0.1"}});
  }
  return value;
}

// What docs/differences.md says of mesh-proxy and Envoy.
bool IsMeant(const std::string& name, const std::string& field) {
  return name == "an upgrade nobody knows" && field == "cluster";
}

// A place where a proxy stands: its pod, and where a client reaches it.
struct Place {
  const char* pod;
  std::string address;
  int port;
};

class AccessLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = mesh::FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    binary_ = *binary;
    std::string format;
    for (const auto& [name, op] : kOperators) {
      if (!format.empty()) absl::StrAppend(&format, "\\x1f");
      absl::StrAppend(&format, name, "=", op);
    }
    mesh::testing::MeshOptions options;
    options.documents["workload.yaml"] = kWorkload;
    options.mesh_config = absl::StrCat(
        "enableAutoMtls: false\naccessLogFile: /dev/stdout\nrootNamespace: istio-system\n"
        "trustDomain: cluster.local\naccessLogFormat: \"",
        format, "\\n\"\n");
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start(std::move(options));
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    const absl::Status routes = mesh_->Apply(
        "routes.yaml", absl::StrReplaceAll(kRoutes, {{"GATEWAY", mesh_->gateway_address()},
                                                     {"UPSTREAM", absl::StrCat(upstream_.port())},
                                                     {"DEAD", absl::StrCat(dead_.port())}}));
    ASSERT_TRUE(routes.ok()) << routes;
  }

  void Send(const Place& place, const Case& c) {
    SCOPED_TRACE(c.name);
    upstream_.Begin();
    Peer client = ConnectTo(place.address, place.port);
    ASSERT_TRUE(client.Send(c.request));
    if (c.then == Then::kLeave) {
      EXPECT_TRUE(upstream_.WaitForSlow());
      return;
    }
    // Informational answers are not the answer; of some, only the head is to be had.
    const bool to_head =
        absl::StartsWith(c.request, "HEAD") || absl::StrContains(c.request, " /half-reset ");
    while (const auto answer = client.Read(to_head)) {
      if (answer->status() != 100) break;
    }
    upstream_.HasArrived();
    if (to_head && c.request[0] == 'G') client.ReadAll();
  }
  // Sends all cases; the line of each.
  std::map<std::string, Fields> Lines(const Place& place) {
    const size_t before = mesh_->AccessLog(place.pod).size();
    const int run = ++runs_;
    for (const Case& c : Cases(run)) Send(place, c);
    std::map<std::string, Fields> lines;
    const Case last = {"the last", Get(absl::StrCat(run, "/the last"), "/ok")};
    Send(place, last);
    for (const char* name : {"the client leaves", "the client leaves in its body", last.name}) {
      const auto line = mesh_->WaitForLine(
          place.pod, absl::StrCat("case=", run, "/", name, std::string(1, kBetween)));
      EXPECT_TRUE(line.ok()) << line.status();
    }
    // Those of whose head nothing was understood, by their order.
    int unnamed = 0;
    const std::vector<std::string> all = mesh_->AccessLog(place.pod);
    for (size_t i = before; i < all.size(); ++i) {
      Fields fields = Parse(all[i]);
      std::string name = fields["case"];
      name.erase(0, name.find('/') + 1);
      fields.erase("case");
      if (name == "-") name = absl::StrCat("without a name ", ++unnamed);
      if (lines.count(name) > 0) absl::StrAppend(&name, " (again)");
      lines[name] = std::move(fields);
    }
    return lines;
  }
  void Compare(const Place& place) {
    SCOPED_TRACE(place.pod);
    const std::map<std::string, Fields> ours = Lines(place);
    const absl::Status envoy = mesh_->UseEnvoy(place.pod, binary_);
    ASSERT_TRUE(envoy.ok()) << envoy;
    const std::map<std::string, Fields> theirs = Lines(place);
    EXPECT_GT(theirs.size(), 40u);
    std::string differences;
    for (const auto& [name, want] : theirs) {
      const auto got = ours.find(name);
      if (got == ours.end()) {
        absl::StrAppend(&differences, name, ": Envoy logs it, mesh-proxy does not:");
        for (const auto& [field, value] : want)
          absl::StrAppend(&differences, " ", field, "=", value);
        absl::StrAppend(&differences, "\n");
        continue;
      }
      for (const auto& [field, value] : want) {
        const std::string theirs_of_it = Comparable(field, value);
        const std::string ours_of_it = Comparable(field, got->second.at(field));
        if (ours_of_it == theirs_of_it || IsMeant(name, field)) continue;
        absl::StrAppend(&differences, name, ": ", field, " is \"", absl::CEscape(ours_of_it),
                        "\", Envoy's \"", absl::CEscape(theirs_of_it), "\"\n");
      }
    }
    for (const auto& [name, line] : ours) {
      if (theirs.count(name) > 0) continue;
      absl::StrAppend(&differences, name, ": mesh-proxy logs it, Envoy does not:");
      for (const auto& [field, value] : line) absl::StrAppend(&differences, " ", field, "=", value);
      absl::StrAppend(&differences, "\n");
    }
    EXPECT_EQ(differences, "");
  }

  int runs_ = 0;
  std::string binary_;
  Upstream upstream_;
  DeadPort dead_;
  std::unique_ptr<Mesh> mesh_;
};

TEST_F(AccessLogTest, OfAGatewayIsEnvoys) {
  Compare({Mesh::kGateway, mesh_->gateway_address(), mesh_->gateway_port()});
}

TEST_F(AccessLogTest, OfASidecarIsEnvoys) {
  const char kPod[] = "client-0";
  ASSERT_NE(mesh_->outbound_address(kPod), "") << ::testing::PrintToString(mesh_->Workloads());
  Compare({kPod, mesh_->outbound_address(kPod), mesh_->outbound_port()});
}

}  // namespace
