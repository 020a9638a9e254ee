// Routing rules as plain data: envoy.config.route.v3.RouteMatch and VirtualHost without protobuf.
#ifndef MESH_ROUTE_RULE_H_
#define MESH_ROUTE_RULE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mesh/base/source_position.h"

namespace mesh::route {

// envoy.type.matcher.v3.StringMatcher. A regex is RE2's syntax and must match the whole value;
// ignore_case does not apply to it.
struct StringMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  Kind kind = Kind::kExact;
  bool ignore_case = false;
  std::string text;
};

// RouteMatch.path_specifier. All kinds but kConnect look at the path without query and fragment.
struct PathMatch {
  enum class Kind : uint8_t {
    kPrefix,           // bytes: "/a" also matches "/ab"
    kExact,            // the whole path
    kRegex,            // RE2's syntax, the whole path
    kSeparatedPrefix,  // "/a" matches "/a" and "/a/b", not "/ab"
    kTemplate,         // "/users/{id}/files/{rest=**}", extensions.path.match.uri_template
    kConnect,          // any CONNECT (or connect-udp upgrade), whatever its path
  };
  Kind kind = Kind::kPrefix;
  bool ignore_case = false;  // kPrefix, kExact, kSeparatedPrefix
  std::string text = "/";
};

// RouteMatch.headers. Of several values of one name, one that matches is enough; inverted, one is
// enough not to match.
struct HeaderMatch {
  enum class Kind : uint8_t { kValue, kRange, kPresent };
  std::string name;  // lower case; ":method", ":path", ":authority", ":scheme" too
  Kind kind = Kind::kValue;
  bool present = true;  // kPresent: whether it must be there or must not
  bool invert = false;
  // A missing header is an empty value. Otherwise it matches nothing, inverted or not, but
  // kPresent.
  bool missing_is_empty = false;
  StringMatch value;  // kValue
  // kRange: begin <= value < end, the value being a decimal integer.
  int64_t begin = 0;
  int64_t end = 0;
};

// RouteMatch.query_parameters: the first value of that name, not decoded.
struct QueryMatch {
  std::string name;
  // Nothing: the parameter must be there.
  std::optional<StringMatch> value;
  // With no value: must be there, or must not.
  bool present = true;
};

// RouteMatch.cookies. A missing cookie matches where the match is inverted.
struct CookieMatch {
  std::string name;
  StringMatch value;
  bool invert = false;
};

// RouteMatch.grpc: content-type is application/grpc or application/grpc+something.
struct GrpcMatch {};

// RouteMatch.tls_context.
struct TlsMatch {
  std::optional<bool> presented;
  std::optional<bool> validated;
};

// RouteMatch.runtime_fraction: matches where random modulo `denominator` is below `numerator`.
struct FractionMatch {
  uint32_t numerator = 0;
  uint32_t denominator = 100;
  std::string runtime_key;  // asked of Facts first
};

// envoy.type.matcher.v3.ValueMatcher.
struct ValueMatch {
  enum class Kind : uint8_t {
    kNull,
    kNumber,
    kNumberRange,
    kString,
    kBool,
    kPresent,
    kListHas,
    kAny
  };
  Kind kind = Kind::kPresent;
  bool flag = true;  // kBool: the value; kPresent: must be there, or must not
  double begin = 0;  // kNumber: the value; kNumberRange: begin <= value < end
  double end = 0;
  StringMatch text;
  std::vector<ValueMatch> of;  // kListHas: one; kAny: any of them
};

// RouteMatch.dynamic_metadata.
struct MetadataMatch {
  std::string filter;
  std::vector<std::string> path;
  ValueMatch value;
  bool invert = false;
};

// RouteMatch.filter_state: a text, or an address in one of the ranges ("10.0.0.0/8").
struct FilterStateMatch {
  std::string key;
  std::optional<StringMatch> text;
  std::vector<std::string> ranges;
  bool invert_ranges = false;
};

using Condition = std::variant<HeaderMatch, QueryMatch, CookieMatch, GrpcMatch, TlsMatch,
                               FractionMatch, MetadataMatch, FilterStateMatch>;

// Accepts a request whose path matches and for which all conditions hold.
struct Rule {
  // The caller's number, given back by Find. Need not be unique or in order: rules are tried in the
  // order they stand.
  uint32_t id = 0;
  PathMatch path;
  std::vector<Condition> conditions;
  std::string name;         // for people
  SourcePosition position;  // where a person wrote it
};

// VirtualHost.virtual_clusters: a name for requests whose headers all match.
struct VirtualCluster {
  std::string name;
  std::vector<HeaderMatch> headers;
};

// xds.type.matcher.v3.Matcher over request headers, ending in rules: VirtualHost.matcher. The first
// of an action's rules that accepts the request is taken; where none does, there is no route.
struct MatchTree {
  struct OnMatch {
    std::shared_ptr<const MatchTree> tree;  // go on there; else:
    std::vector<Rule> rules;
    bool keep_matching = false;
  };
  struct Predicate {
    enum class Kind : uint8_t { kSingle, kAnd, kOr, kNot };
    Kind kind = Kind::kSingle;
    std::string header;  // kSingle: the input
    StringMatch value;
    std::vector<Predicate> of;
  };
  enum class Kind : uint8_t { kList, kExactMap, kPrefixMap };
  Kind kind = Kind::kList;
  std::vector<std::pair<Predicate, OnMatch>> list;
  std::string header;  // kExactMap, kPrefixMap: the input
  std::vector<std::pair<std::string, OnMatch>> map;
  std::optional<OnMatch> otherwise;  // on_no_match
};

enum class TlsRequirement : uint8_t { kNone, kExternalOnly, kAll };

// envoy.config.route.v3.VirtualHost as far as it decides. Build one, freeze it
// (shared_ptr<const VirtualHost>) and hand the same pointer to the next table where nothing in it
// changed: its compiled form is then shared.
struct VirtualHost {
  std::string name;
  // "shop.example", "*.example", "shop.*", "*"; compared without case.
  std::vector<std::string> domains;
  TlsRequirement require_tls = TlsRequirement::kNone;
  std::vector<Rule> rules;
  // Instead of rules.
  std::shared_ptr<const MatchTree> tree;
  std::vector<VirtualCluster> virtual_clusters;
  SourcePosition position;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_RULE_H_
