#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"
#include "mesh/ca/service/authenticator.h"

namespace mesh::ca {

Credentials CredentialsOf(const grpc::CallbackServerContext& context) {
  Credentials credentials;
  const auto peer = context.auth_context();
  if (peer != nullptr && peer->IsPeerAuthenticated()) {
    // On a server OpenSSL's chain is what stands above the leaf.
    for (const char* property : {"x509_pem_cert", "x509_pem_cert_chain"}) {
      for (const grpc::string_ref& value : peer->FindPropertyValues(property)) {
        credentials.peer_chain_pem.append(value.data(), value.size());
      }
    }
  }
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end || std::next(begin) != end) return credentials;
  const absl::string_view value(begin->second.data(), begin->second.size());
  if (absl::StartsWithIgnoreCase(value, "bearer ")) {
    credentials.bearer_token = std::string(absl::StripAsciiWhitespace(value.substr(7)));
  }
  return credentials;
}

}  // namespace mesh::ca
