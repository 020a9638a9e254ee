// A consumer of mesh/tls includes the system's openssl headers, uses the system's OpenSSL, and
// makes gRPC calls over TLS (which OpenSSL does), all in the process that also runs BoringSSL.
#include <dlfcn.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openssl/ssl.h>

#include "gtest/gtest.h"
#include "mesh/tls/testing.h"

#if defined(OPENSSL_IS_BORINGSSL) || defined(BORINGSSL_PREFIX)
#error "mesh/tls hands on BoringSSL's headers or defines"
#endif
#if OPENSSL_VERSION_MAJOR < 3
#error "these are not the system's headers"
#endif

namespace mesh::tls {
namespace {

// Answers every call with "hello".
class Greeter final : public grpc::CallbackGenericService {
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor() { StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK); }
    void OnDone() override { delete this; }

   private:
    grpc::Slice text_{"hello"};
    grpc::ByteBuffer answer_{&text_, 1};
  };
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reactor;
  }
};

std::string CallOverTls(const Identity& identity, const Certificate& root) {
  const std::string chain = ToPem(identity.chain), key = identity.key.ToPem();
  Greeter greeter;
  grpc::SslServerCredentialsOptions server_options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server_options.pem_root_certs = root.ToPem();
  server_options.pem_key_cert_pairs.push_back({key, chain});
  grpc::ServerBuilder builder;
  int port = 0;
  builder.RegisterCallbackGenericService(&greeter);
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(server_options), &port);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return "no server";

  grpc::SslCredentialsOptions client_options;
  client_options.pem_root_certs = root.ToPem();
  client_options.pem_private_key = key;
  client_options.pem_cert_chain = chain;
  grpc::GenericStub stub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                             grpc::SslCredentials(client_options)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(), &queue);
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->StartCall();
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  server->Shutdown();
  grpc::Slice slice;
  answer.DumpToSingleSlice(&slice);
  if (!status.ok()) return "status " + std::to_string(status.error_code()) + status.error_message();
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

TEST(BesideOpenSsl, BothLibrariesWorkInOneProcess) {
  const absl::Time now = absl::Now();
  const TestAuthority authority("root", now);
  const Identity identity =
      authority.Issue(authority.Leaf({Uri("spiffe://cluster.local/ns/default/sa/a"),
                                      {SanType::kIp, std::string("\x7f\0\0\1", 4)}}));
  ContextOptions options;
  options.identity = identity;
  options.validation.roots = authority.roots();
  for (int i = 0; i < 3; ++i) {
    Session client(Context::Client(options).value()), server(Context::Server(options).value());
    RunHandshake(&client, &server);
    ASSERT_TRUE(client.handshake_done() && server.handshake_done()) << server.error();
    EXPECT_EQ(server.connection().group, "X25519MLKEM768");  // which OpenSSL 3.0 does not know

    EXPECT_EQ(CallOverTls(identity, authority.certificate()), "hello");

    SSL_CTX* system = SSL_CTX_new(TLS_method());
    ASSERT_NE(system, nullptr);
    SSL_CTX_free(system);
  }
}

TEST(BesideOpenSsl, TheSystemsNamesAreTheSystems) {
  Dl_info info;
  ASSERT_NE(dladdr(dlsym(RTLD_DEFAULT, "SSL_new"), &info), 0);
  EXPECT_NE(std::string(info.dli_fname).find("libssl.so"), std::string::npos) << info.dli_fname;
  EXPECT_EQ(std::string(OpenSSL_version(OPENSSL_VERSION)).substr(0, 9), "OpenSSL 3");
}

}  // namespace
}  // namespace mesh::tls
