// Unauthenticated bytes on every port of a control plane, 15010 (plaintext), 15012 (TLS) and
// 15014 (HTTP), and on the agent's socket: random ones, damaged hellos, damaged HTTP/2, damaged
// calls, whole calls with damaged messages. Nothing may crash, and who behaves is served.
//
// MESH_FUZZ_CONNECTIONS sets how many connections are made (a slice of it by default),
// MESH_FUZZ_SEED where the random numbers begin. `tests/fuzz/run ports SECONDS` runs one seed after
// the other.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api/security/v1alpha1/ca.pb.h"
#include "api/spiffe/workload.grpc.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/agent/agent.h"
#include "mesh/ca/join_token.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/proxy/testing.h"
#include "mesh/tls/context.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/testing.h"
#include "tests/fuzz/damage.h"

namespace mesh {
namespace {

using fuzz::Damage;
using proxy::testing::Connect;
using proxy::testing::Peer;

// HTTP/2 (RFC 9113 §4.1).
std::string Frame(char type, char flags, const std::string& payload, uint32_t stream) {
  const auto size = static_cast<uint32_t>(payload.size());
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(size >> shift);
  out += type;
  out += flags;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out + payload;
}

// A literal header field without indexing (RFC 7541 §6.2.2).
std::string Field(const std::string& name, const std::string& value) {
  std::string out(1, '\0');
  for (const std::string* text : {&name, &value}) {
    out += static_cast<char>(text->size());  // below 127: one byte
    out += *text;
  }
  return out;
}

// A whole call as a client of gRPC makes it.
std::string Call(const std::string& path, const std::string& message, const std::string& bearer) {
  std::string headers = Field(":method", "POST") + Field(":scheme", "http") + Field(":path", path) +
                        Field(":authority", "istiod.istio-system.svc") +
                        Field("content-type", "application/grpc") + Field("te", "trailers") +
                        Field("workload.spiffe.io", "true");
  if (!bearer.empty()) headers += Field("authorization", "Bearer " + bearer);
  std::string data(1, '\0');
  for (const int shift : {24, 16, 8, 0}) data += static_cast<char>(message.size() >> shift);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, "", 0) + Frame(1, 4, headers, 1) +
         Frame(0, 1, data + message, 1);
}

struct Method {
  const char* path;
  std::string message;
};

// What is asked of us, whether this port has it or not.
std::vector<Method> Methods() {
  ::envoy::service::discovery::v3::DiscoveryRequest discovery;
  discovery.mutable_node()->set_id("sidecar~10.0.0.1~a-0.default~default.svc.cluster.local");
  discovery.set_type_url("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  discovery.add_resource_names("ROOTCA");
  ::envoy::service::discovery::v3::DeltaDiscoveryRequest delta;
  *delta.mutable_node() = discovery.node();
  delta.set_type_url(discovery.type_url());
  delta.add_resource_names_subscribe("*");
  istio::v1::auth::IstioCertificateRequest certificate;
  certificate.set_csr(tls::CreateCsr(*tls::PrivateKey::Generate(), {}).value());
  certificate.set_validity_duration(3600);
  JWTSVIDRequest token;
  token.add_audience("a");
  ValidateJWTSVIDRequest validate;
  validate.set_audience("a");
  validate.set_svid("eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJhIn0.AAAA");
  return {
      {"/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
       discovery.SerializeAsString()},
      {"/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
       delta.SerializeAsString()},
      {"/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
       discovery.SerializeAsString()},
      {"/istio.v1.auth.IstioCertificateService/CreateCertificate", certificate.SerializeAsString()},
      {"/SpiffeWorkloadAPI/FetchX509SVID", ""},
      {"/SpiffeWorkloadAPI/FetchX509Bundles", ""},
      {"/SpiffeWorkloadAPI/FetchJWTSVID", token.SerializeAsString()},
      {"/SpiffeWorkloadAPI/FetchJWTBundles", ""},
      {"/SpiffeWorkloadAPI/ValidateJWTSVID", validate.SerializeAsString()},
      {"/no.such/Method", "x"},
  };
}

// What somebody says who speaks HTTP/2, more or less.
std::string Words(Damage* damage) {
  static const auto& methods = *new std::vector<Method>(Methods());
  const Method& method = methods[damage->Below(methods.size())];
  const std::string bearer = damage->Below(4) == 0 ? damage->Bytes(damage->Below(60)) : "";
  switch (damage->Below(4)) {
    case 0:
      return damage->Bytes(damage->Below(2000));
    case 1:
      return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + damage->Bytes(damage->Below(2000));
    case 2:
      return damage->Change(Call(method.path, method.message, bearer));
    default:
      return Call(method.path, damage->Change(method.message), bearer);
  }
}

void End(Peer* peer, Damage* damage) {
  if (damage->Below(4) == 0) return peer->Reset();
  peer->FinishWrites();
  if (damage->Below(2) == 0) peer->ReadAll();
}

class PortsTest : public ::testing::Test {
 protected:
  PortsTest() : damage_(fuzz::FromEnvironment("MESH_FUZZ_SEED", 1)) {
    root_ = "/tmp/mesh-portsXXXXXX";  // a socket's path is short
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
    discovery::ControlPlaneOptions options;
    options.xds_address = options.secure_address = options.monitoring_address = "127.0.0.1:0";
    options.authority.emplace();
    options.authority->directory = root_ + "/ca";
    options.authority->trust_domain = "cluster.local";
    options.authority->join_token_directory = root_ + "/tokens";
    control_plane_ = discovery::ControlPlane::Start(std::move(options)).value();
    StartAgent("first");
  }
  ~PortsTest() override {
    agent_.reset();
    control_plane_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  // By whom 15012 is seen to serve: a certificate is asked for, roots and keys come by SDS, and a
  // token is asked for.
  void StartAgent(const std::string& name) {
    agent_.reset();
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", name).value();
    std::ofstream(root_ + "/token")
        << ca::CreateJoinToken(root_ + "/tokens", id, absl::Now() + absl::Hours(1)).value();
    agent::AgentOptions options;
    options.authority = absl::StrCat("127.0.0.1:", control_plane_->secure_port());
    options.roots_file = root_ + "/ca/root-cert.pem";
    options.token_file = root_ + "/token";
    options.node_id = "sidecar~10.0.0.1~a-0.default~default.svc.cluster.local";
    options.sds_socket = root_ + "/agent/socket";
    agent_ = agent::Agent::Start(std::move(options)).value();
    ASSERT_TRUE(agent_->WaitReady(absl::Seconds(60)).ok());
  }
  Peer ConnectToSocket() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, (root_ + "/agent/socket").c_str());
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return Peer(fd);
  }
  std::shared_ptr<const tls::Context> Tls() {
    tls::ContextOptions options;
    options.validation.roots = tls::TrustRoots(control_plane_->authority()->bundle()->roots);
    options.alpn = {"h2"};
    if (damage_.Below(2) == 0) {
      // Somebody with a certificate of his own making.
      options.identity = tls::TestAuthority("own", absl::Now())
                             .Issue("spiffe://cluster.local/ns/istio-system/sa/istiod");
    }
    return tls::Context::Client(options).value();
  }
  uint64_t connections() const { return fuzz::FromEnvironment("MESH_FUZZ_CONNECTIONS", 400); }
  // A whole call, and something like an answer to it.
  void ExpectServed(Peer peer, uint64_t i) {
    ASSERT_TRUE(peer.Send(Call("/no.such/Method", "", "")));
    ASSERT_NE(peer.ReadSome(1000), "") << i;
  }

  std::string root_;
  Damage damage_;
  std::unique_ptr<discovery::ControlPlane> control_plane_;
  std::unique_ptr<agent::Agent> agent_;
};

TEST_F(PortsTest, Plaintext) {
  for (uint64_t i = 0; i < connections(); ++i) {
    Peer peer = Connect(static_cast<uint16_t>(control_plane_->xds_port()));
    peer.Send(Words(&damage_));
    End(&peer, &damage_);
    if (i % 100 == 99) {
      ExpectServed(Connect(static_cast<uint16_t>(control_plane_->xds_port())), i);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(PortsTest, Tls) {
  const auto port = static_cast<uint16_t>(control_plane_->secure_port());
  tls::Session pattern(Tls());
  pattern.Handshake();
  const std::string hello(pattern.outgoing());
  for (uint64_t i = 0; i < connections(); ++i) {
    Peer peer = Connect(port);
    switch (damage_.Below(4)) {
      case 0:
        peer.Send(damage_.Below(2) == 0 ? Words(&damage_) : "\x16\x03\x01" + damage_.Bytes(500));
        break;
      case 1:
        peer.Send(damage_.Change(hello));
        break;
      default:
        if (!peer.StartTls(Tls(), "istiod.istio-system.svc")) break;
        peer.Send(Words(&damage_));
    }
    End(&peer, &damage_);
    if (i % 100 == 99) {
      StartAgent(absl::StrCat("w", i));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(PortsTest, Socket) {
  const auto stub = SpiffeWorkloadAPI::NewStub(
      grpc::CreateChannel("unix:" + root_ + "/agent/socket", grpc::InsecureChannelCredentials()));
  for (uint64_t i = 0; i < connections(); ++i) {
    Peer peer = ConnectToSocket();
    peer.Send(Words(&damage_));
    End(&peer, &damage_);
    if (i % 100 == 99) {
      grpc::ClientContext context;
      context.AddMetadata("workload.spiffe.io", "true");
      JWTSVIDRequest request;
      request.add_audience("a");
      JWTSVIDResponse response;
      const grpc::Status status = stub->FetchJWTSVID(&context, request, &response);
      ASSERT_TRUE(status.ok()) << i << " " << status.error_message();
    }
  }
}

TEST_F(PortsTest, Pages) {
  const auto port = static_cast<uint16_t>(control_plane_->monitoring_port());
  const std::string paths[] = {"/ready", "/debug/config_dump?proxyID=a.b", "/debug/syncz",
                               "/ca/rotate", "/metrics"};
  for (uint64_t i = 0; i < connections(); ++i) {
    Peer peer = Connect(port);
    const std::string request =
        absl::StrCat(damage_.Below(2) == 0 ? "GET " : "POST ", paths[damage_.Below(5)],
                     " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    peer.Send(damage_.Below(4) == 0 ? Words(&damage_) : damage_.Change(request));
    End(&peer, &damage_);
    if (i % 100 == 99) {
      Peer good = Connect(port);
      ASSERT_TRUE(good.Send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"));
      const auto answer = good.Read();
      ASSERT_TRUE(answer.has_value()) << i;
      ASSERT_EQ(answer->status(), 200) << i;
    }
  }
}

}  // namespace
}  // namespace mesh
