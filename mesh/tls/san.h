// Subject alternative names and what may be asked of them: by type and by bytes, never as text
// that could end early or mean something else (a NUL inside, a DNS name that spells a URI).
#ifndef MESH_TLS_SAN_H_
#define MESH_TLS_SAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace mesh::tls {

// RFC 5280 §4.2.1.6. kOther is every kind that has no matcher here.
enum class SanType { kUri, kDns, kEmail, kIp, kOther };

struct SubjectAltName {
  SanType type = SanType::kUri;
  // As in the certificate. An IP address is 4 or 16 bytes in network order.
  std::string bytes;

  // For people and logs: "URI:spiffe://a/b", "IP:10.0.0.1"; bytes that are not printable ASCII
  // appear as \xNN.
  std::string ToString() const;
};

bool operator==(const SubjectAltName& a, const SubjectAltName& b);

// What one name must be (envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher; its
// regular expressions are the caller's affair).
struct SanMatcher {
  enum class Kind { kExact, kPrefix, kSuffix, kContains };

  SanType type = SanType::kUri;
  Kind kind = Kind::kExact;
  // For kIp with kExact: the address as text.
  std::string value;
  bool ignore_case = false;

  // "URI exact spiffe://a/b".
  std::string ToString() const;
};

// A name matches only a matcher of its own type, compared over all its bytes. A name that holds a
// NUL, a control or a non-ASCII byte matches nothing. A DNS name in the certificate of the form
// "*.example.com" accepts, for kExact, exactly one more label in place of the star (RFC 6125
// §6.4.3); a star elsewhere, or before fewer than two labels, stands for nothing.
bool Matches(const SanMatcher& matcher, const SubjectAltName& name);

// Whether one of the names is accepted by one of the matchers. No matcher accepts nothing.
bool AnyMatches(absl::Span<const SanMatcher> matchers, absl::Span<const SubjectAltName> names);

// Whether a certificate with these names may speak for `host`, a DNS name or the text of an IP
// address, as a TLS client asks (RFC 6125).
bool SpeaksFor(absl::Span<const SubjectAltName> names, std::string_view host);

}  // namespace mesh::tls

#endif  // MESH_TLS_SAN_H_
