// A real stream over a Unix socket.
#include "mesh/ca/service/secrets.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "mesh/tls/testing.h"

namespace mesh::ca {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    std::string directory = "/tmp/mesh-sdsXXXXXX";  // a socket's path is short
    EXPECT_NE(mkdtemp(directory.data()), nullptr);
    const std::string address = absl::StrCat("unix:", directory, "/sds");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = envoy::service::secret::v3::SecretDiscoveryService::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    stream_ = stub_->StreamSecrets(&context_);
  }
  ~SecretsTest() override {
    context_.TryCancel();
    stream_->Finish();
    server_->Shutdown();
  }

  WorkloadCertificate::Held Held() {
    return {authority_.Issue("spiffe://a/b"), {authority_.certificate()}, 1};
  }
  void Ask(std::vector<std::string> names, std::string nonce = "", std::string refusal = "") {
    DiscoveryRequest request;
    request.mutable_node()->set_id("sidecar~1");
    for (std::string& name : names) request.add_resource_names(std::move(name));
    request.set_response_nonce(nonce);
    request.set_version_info(last_.version_info());
    if (!refusal.empty()) request.mutable_error_detail()->set_message(refusal);
    ASSERT_TRUE(stream_->Write(request));
  }
  // The names of the next answer.
  std::vector<std::string> Receive() {
    std::vector<std::string> names;
    EXPECT_TRUE(stream_->Read(&last_));
    for (const auto& resource : last_.resources()) {
      Secret secret;
      EXPECT_TRUE(secret.ParseFromString(resource.value()));
      names.push_back(secret.name());
    }
    return names;
  }

  tls::TestAuthority authority_;
  MemoryLog log_;
  SecretService service_{&log_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<envoy::service::secret::v3::SecretDiscoveryService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<DiscoveryRequest, DiscoveryResponse>> stream_;
  DiscoveryResponse last_;
};

TEST_F(SecretsTest, AKeyAndRootsAsEnvoyReadsThem) {
  const tls::Identity identity = authority_.Issue("spiffe://a/b");
  const Secret key = CertificateSecret("default", identity);
  EXPECT_EQ(key.tls_certificate().certificate_chain().inline_bytes(), tls::ToPem(identity.chain));
  EXPECT_EQ(key.tls_certificate().private_key().inline_bytes(), identity.key.ToPem());
  EXPECT_EQ(RootsSecret("ROOTCA", {authority_.certificate()})
                .validation_context()
                .trusted_ca()
                .inline_bytes(),
            authority_.certificate().ToPem());
}

TEST_F(SecretsTest, WhatIsAskedForIsSentAndSentAgainWhenItChanges) {
  service_.SetWorkload(Held());
  Ask({"default"});
  EXPECT_THAT(Receive(), testing::ElementsAre("default"));
  const std::string first = last_.version_info();
  Ask({"default"}, last_.nonce());
  service_.SetWorkload(Held());  // another key
  EXPECT_THAT(Receive(), testing::ElementsAre("default"));
  EXPECT_NE(last_.version_info(), first);
}

TEST_F(SecretsTest, ASecretThatIsNotThereYetIsSentWhenItComes) {
  Ask({"ROOTCA"});
  service_.Set(RootsSecret("other", {authority_.certificate()}));
  service_.SetWorkload(Held());
  EXPECT_THAT(Receive(), testing::ElementsAre("ROOTCA"));
}

TEST_F(SecretsTest, AnAcknowledgementAndARefusalAreKept) {
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  service_.SetWorkload(Held());
  Ask({"default"});
  Receive();
  const std::string acknowledged = last_.version_info();
  Ask({"default"}, last_.nonce());
  while (service_.streams()[0].acknowledged_version.empty()) ASSERT_LT(absl::Now(), deadline);
  service_.SetWorkload(Held());
  Receive();
  Ask({"default"}, last_.nonce(), "no key\n");
  while (service_.streams()[0].refusal.empty()) ASSERT_LT(absl::Now(), deadline);
  const auto status = service_.streams();
  ASSERT_EQ(status.size(), 1);
  EXPECT_EQ(status[0].node, "sidecar~1");
  EXPECT_THAT(status[0].names, testing::ElementsAre("default"));
  EXPECT_EQ(status[0].acknowledged_version, acknowledged);
  EXPECT_EQ(status[0].sent_version, last_.version_info());
  EXPECT_EQ(status[0].refusal, "no key\n");
  EXPECT_THAT(log_.lines(),
              testing::Contains("warning sds: sidecar~1 refuses a secret: no key\\n"));
}

TEST_F(SecretsTest, AStreamThatEndsIsForgotten) {
  service_.SetWorkload(Held());
  Ask({"default"});
  Receive();
  EXPECT_EQ(service_.streams().size(), 1);
  stream_->WritesDone();
  EXPECT_FALSE(stream_->Read(&last_));
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!service_.streams().empty()) ASSERT_LT(absl::Now(), deadline);
}

}  // namespace
}  // namespace mesh::ca
