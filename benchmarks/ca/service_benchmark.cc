// The CSR service over gRPC with mutual TLS on loopback: a rate with its p99, and a herd of 10,000
// identities over 64 connections. Prints one JSON object a measurement; exit 1 when a call failed.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api/security/v1alpha1/ca.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/service/certificate_service.h"
#include "mesh/ca/service/server_certificate.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/csr.h"

namespace mesh::benchmarks {
namespace {

using Stub = istio::v1::auth::IstioCertificateService::Stub;

int ResidentKilobytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return atoi(line.c_str() + 6);
  }
  return 0;
}

struct Bench {
  ca::MemoryStore store;
  std::unique_ptr<ca::SelfSignedAuthority> authority;
  std::unique_ptr<ca::CertificateService> service;
  std::unique_ptr<ca::CertificateDirectory> directory;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::vector<std::string> csrs;

  tls::Identity Identity(const std::string& account, std::vector<std::string> dns) {
    const auto id = tls::SpiffeId::Workload("cluster.local", "default", account).value();
    const auto key = tls::PrivateKey::Generate().value();
    return {{authority->Issue({key.public_key(), id, {}, std::move(dns)})->leaf}, key};
  }

  Bench() {
    ca::SelfSignedOptions options;
    options.store = &store;
    authority = ca::SelfSignedAuthority::Open(options).value();
    ca::CertificateServiceOptions service_options;
    service_options.issuer = authority.get();
    service_options.authenticators = {std::make_shared<ca::ClientCertificateAuthenticator>(
        "cluster.local", [this] { return authority->bundle(); })};
    service = std::make_unique<ca::CertificateService>(service_options);
    std::string path = "/tmp/mesh-bench-caXXXXXX";
    if (mkdtemp(path.data()) == nullptr) abort();
    directory = ca::CertificateDirectory::Open(path).value();
    if (!directory->Replace(Identity("istiod", {"istiod"}), authority->bundle()->roots).ok())
      abort();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", directory->Credentials({true, 1}), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    // Making requests is the workloads' work, done before.
    for (int i = 0; i < 256; ++i) {
      csrs.push_back(tls::CreateCsr(*tls::PrivateKey::Generate(), {}).value());
    }
  }

  std::unique_ptr<Stub> Connect(const tls::Identity& identity) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = tls::ToPem(authority->bundle()->roots);
    tls.pem_cert_chain = tls::ToPem(identity.chain);
    tls.pem_private_key = identity.key.ToPem();
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("istiod");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return istio::v1::auth::IstioCertificateService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port), grpc::SslCredentials(tls), arguments));
  }

  bool Call(Stub* stub, int i) {
    grpc::ClientContext context;
    istio::v1::auth::IstioCertificateRequest request;
    istio::v1::auth::IstioCertificateResponse response;
    request.set_csr(csrs[i % csrs.size()]);
    return stub->CreateCertificate(&context, request, &response).ok();
  }
};

int Run() {
  Bench bench;
  int failed = 0;
  {
    constexpr int kThreads = 8, kCalls = 1500;
    std::vector<std::vector<double>> times(kThreads);
    std::vector<std::thread> threads;
    std::atomic<int> errors{0};
    std::vector<std::unique_ptr<Stub>> stubs;
    for (int t = 0; t < kThreads; ++t) {
      stubs.push_back(bench.Connect(bench.Identity("web", {})));
      errors += !bench.Call(stubs[t].get(), 0);
    }
    const absl::Time begin = absl::Now();
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kCalls; ++i) {
          const absl::Time start = absl::Now();
          errors += !bench.Call(stubs[t].get(), i);
          times[t].push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    std::vector<double> all;
    for (const auto& list : times) all.insert(all.end(), list.begin(), list.end());
    std::sort(all.begin(), all.end());
    printf(
        "{\"name\":\"csr over gRPC with "
        "mTLS\",\"per_second\":%.0f,\"p99_ms\":%.2f,\"errors\":%d}\n",
        all.size() / seconds, all[all.size() * 99 / 100], errors.load());
    failed += errors;
  }
  {
    constexpr int kConnections = 64, kIdentities = 10000;
    std::vector<tls::Identity> identities;
    for (int i = 0; i < kConnections; ++i) {
      identities.push_back(bench.Identity(absl::StrCat("herd-", i), {}));
    }
    const int before = ResidentKilobytes();
    std::atomic<int> errors{0}, next{0};
    std::vector<std::thread> threads;
    const absl::Time begin = absl::Now();
    for (int t = 0; t < kConnections; ++t) {
      threads.emplace_back([&, t] {
        const auto stub = bench.Connect(identities[t]);
        for (int i = next++; i < kIdentities; i = next++) errors += !bench.Call(stub.get(), i);
      });
    }
    for (auto& thread : threads) thread.join();
    printf(
        "{\"name\":\"10000 identities over 64 connections\",\"seconds\":%.2f,\"errors\":%d,"
        "\"growth_mb\":%.1f}\n",
        absl::ToDoubleSeconds(absl::Now() - begin), errors.load(),
        (ResidentKilobytes() - before) / 1024.0);
    failed += errors;
  }
  bench.server->Shutdown();
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mesh::benchmarks

int main() { return mesh::benchmarks::Run(); }
