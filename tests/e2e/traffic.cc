#include "tests/e2e/traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace mesh {
namespace {

using proxy::testing::Ok;
using proxy::testing::Peer;

constexpr auto kPatience = std::chrono::seconds(10);

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

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

}  // namespace

const char kTrafficWorkload[] = R"(apiVersion: v1
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

std::string TrafficRoutes(const std::string& gateway, int upstream_port, int dead_port) {
  return absl::StrReplaceAll(kRoutes, {{"GATEWAY", gateway},
                                       {"UPSTREAM", absl::StrCat(upstream_port)},
                                       {"DEAD", absl::StrCat(dead_port)}});
}

std::string GetRequest(const std::string& name, const std::string& target,
                       const std::string& more) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: log.test\r\nX-Case: ", name, "\r\n", more,
                      "\r\n");
}

std::vector<Case> Cases(int run) {
  std::vector<Case> cases;
  const auto get = [&cases, run](const char* name, const std::string& target,
                                 const std::string& more = "", Then then = Then::kRead) {
    cases.push_back({name, GetRequest(absl::StrCat(run, "/", name), target, more), then});
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

void Upstream::Begin() {
  MutexLock lock(&mutex_);
  slow_ = 0;
  arrived_ = false;
}

void Upstream::HasArrived() {
  MutexLock lock(&mutex_);
  arrived_ = true;
  came_.NotifyAll();
}

bool Upstream::WaitForSlow() {
  MutexLock lock(&mutex_);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (slow_ == 0) {
    if (!came_.WaitUntil(&mutex_, deadline) && slow_ == 0) return false;
  }
  --slow_;
  return true;
}

void Upstream::WaitForArrival() {
  MutexLock lock(&mutex_);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!arrived_ && came_.WaitUntil(&mutex_, deadline)) {
  }
}

void Upstream::Serve(Peer& peer) {
  while (const auto head = peer.Read(/*to_head=*/true)) {
    const std::vector<std::string> start = absl::StrSplit(head->start, ' ');
    const std::string path = start.size() > 1 ? start[1] : "";
    if (absl::StartsWith(path, "/slow")) {
      MutexLock lock(&mutex_);
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

bool Upstream::Answer(Peer& peer, const std::string& path, bool head) {
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

DeadPort::DeadPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
}

DeadPort::~DeadPort() { close(fd_); }

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

}  // namespace mesh
