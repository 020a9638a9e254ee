// What a rule asks of a request, as a tree of plain values: what AuthorizationPolicy and Envoy's
// RBAC filter both come down to (envoy.config.rbac.v3.Permission and Principal).
#ifndef MESH_AUTHZ_CONDITION_H_
#define MESH_AUTHZ_CONDITION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::authz {

struct TextMatch {
  // kPresent is any text that is not empty; kRegex is RE2, over the whole text.
  enum class Kind { kExact, kPrefix, kSuffix, kContains, kRegex, kPresent };
  Kind kind = Kind::kExact;
  std::string value;
  bool ignore_case = false;
};

// What is compared of a header that came more than once.
enum class HeaderValues {
  kJoined,  // all of them, joined by ',': for what is to be allowed, so that nothing rides along
  kEach,    // each alone, one is enough: Envoy's RBAC filter, since its answer to CVE-2026-26308
  // Both, and each part between commas: for what is to be forbidden, so that nothing hides behind
  // another value (CVE-2020-25017).
  kAny,
};

// What a value of metadata has to be for its text to be compared.
enum class ValueForm {
  kEither,  // a text, a flag ("true"), or a list with such an entry
  kText,    // a text
  kEntry,   // a list: one of its texts
};

struct Condition {
  enum class Kind {
    kAlways,
    kNever,
    kAll,  // of `children`
    kAny,  // of `children`
    kNot,  // of the one child
    // The connection's.
    kPrincipal,        // text: the peer's "spiffe://..."; nothing matches where there is none
    kNamespace,        // text: the namespace in it
    kTrustDomain,      // text: the trust domain in it
    kSourceIp,         // block: of the connection
    kRemoteIp,         // block: of the client, as X-Forwarded-For gives it to who may trust it
    kDestinationIp,    // block
    kDestinationPort,  // ports
    kServerName,       // text: SNI
    // The request's; none matches on a connection that is not HTTP.
    kHost,              // text: without case, port (unless the text has one) and a dot at the end
    kMethod,            // text
    kPath,              // text: without query and fragment
    kHeader,            // name, text, values; pseudo headers too, as received
    kRequestPrincipal,  // text: "issuer/subject" of the token that was verified
    kAudience,          // text: one of the token's audiences
    kPresenter,         // text: the token's claim azp
    kClaim,             // path, text: a claim of the token, or one entry of it where it is a list
    kMetadata,          // name (filter), path, form, text: what a filter left
  };

  Kind kind = Kind::kAlways;
  std::vector<Condition> children;
  TextMatch text;
  std::string name;
  HeaderValues values = HeaderValues::kJoined;  // kHeader
  std::vector<std::string> path;
  ValueForm form = ValueForm::kEither;     // kMetadata
  std::string block;                       // "10.0.0.0/8", "10.1.2.3", "2001:db8::/32"
  uint16_t first_port = 0, last_port = 0;  // inclusive

  static Condition All(std::vector<Condition> children);
  static Condition Any(std::vector<Condition> children);
  static Condition Not(Condition child);
  static Condition Text(Kind kind, TextMatch text);
  static Condition Header(std::string name, TextMatch text,
                          HeaderValues values = HeaderValues::kJoined);
  static Condition Block(Kind kind, std::string block);
  static Condition Ports(uint16_t first, uint16_t last);

  // For people: `path prefix "/admin"`, `not (port 80 or port 90)`.
  std::string ToString() const;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_CONDITION_H_
