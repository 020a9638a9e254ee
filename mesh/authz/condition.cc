#include "mesh/authz/condition.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace mesh::authz {
namespace {

std::string TextWords(const TextMatch& text) {
  const std::string quoted = absl::StrCat("\"", absl::CHexEscape(text.value), "\"");
  switch (text.kind) {
    case TextMatch::Kind::kExact:
      return "is " + quoted;
    case TextMatch::Kind::kPrefix:
      return "begins with " + quoted;
    case TextMatch::Kind::kSuffix:
      return "ends with " + quoted;
    case TextMatch::Kind::kContains:
      return "contains " + quoted;
    case TextMatch::Kind::kRegex:
      return "matches the regex " + quoted;
    case TextMatch::Kind::kPresent:
      return "is not empty";
  }
  return "";
}

std::string Subject(const Condition& c) {
  switch (c.kind) {
    case Condition::Kind::kPrincipal:
      return "principal";
    case Condition::Kind::kNamespace:
      return "namespace";
    case Condition::Kind::kTrustDomain:
      return "trust domain";
    case Condition::Kind::kSourceIp:
      return "source address";
    case Condition::Kind::kRemoteIp:
      return "client address";
    case Condition::Kind::kDestinationIp:
      return "destination address";
    case Condition::Kind::kServerName:
      return "server name";
    case Condition::Kind::kHost:
      return "host";
    case Condition::Kind::kMethod:
      return "method";
    case Condition::Kind::kPath:
      return "path";
    case Condition::Kind::kHeader:
      return "header " + c.name;
    case Condition::Kind::kRequestPrincipal:
      return "request principal";
    case Condition::Kind::kAudience:
      return "audience";
    case Condition::Kind::kPresenter:
      return "presenter";
    case Condition::Kind::kClaim:
      return "claim " + absl::StrJoin(c.path, ".");
    case Condition::Kind::kMetadata:
      if (c.name == "envoy.filters.http.jwt_authn" && c.path.size() > 1) {
        return absl::StrCat("claim ", absl::StrJoin(absl::MakeConstSpan(c.path).subspan(1), "."));
      }
      return absl::StrCat("metadata ", c.name, " ", absl::StrJoin(c.path, "."));
    default:
      return "";
  }
}

std::string Joined(const std::vector<Condition>& children, absl::string_view word) {
  return absl::StrJoin(children, word, [](std::string* out, const Condition& child) {
    const bool compound =
        (child.kind == Condition::Kind::kAll || child.kind == Condition::Kind::kAny) &&
        child.children.size() > 1;
    absl::StrAppend(out, compound ? "(" : "", child.ToString(), compound ? ")" : "");
  });
}

}  // namespace

Condition Condition::All(std::vector<Condition> children) {
  if (children.size() == 1) return std::move(children[0]);
  Condition c;
  c.kind = children.empty() ? Kind::kAlways : Kind::kAll;
  c.children = std::move(children);
  return c;
}
Condition Condition::Any(std::vector<Condition> children) {
  if (children.size() == 1) return std::move(children[0]);
  Condition c;
  c.kind = children.empty() ? Kind::kNever : Kind::kAny;
  c.children = std::move(children);
  return c;
}
Condition Condition::Not(Condition child) {
  Condition c;
  c.kind = Kind::kNot;
  c.children.push_back(std::move(child));
  return c;
}
Condition Condition::Text(Kind kind, TextMatch text) {
  Condition c;
  c.kind = kind;
  c.text = std::move(text);
  return c;
}
Condition Condition::Header(std::string name, TextMatch text, HeaderValues values) {
  Condition c = Text(Kind::kHeader, std::move(text));
  c.name = std::move(name);
  c.values = values;
  return c;
}
Condition Condition::Block(Kind kind, std::string block) {
  Condition c;
  c.kind = kind;
  c.block = std::move(block);
  return c;
}
Condition Condition::Ports(uint16_t first, uint16_t last) {
  Condition c;
  c.kind = Kind::kDestinationPort;
  c.first_port = first;
  c.last_port = last;
  return c;
}

std::string Condition::ToString() const {
  switch (kind) {
    case Kind::kAlways:
      return "always";
    case Kind::kNever:
      return "never";
    case Kind::kAll:
      return Joined(children, " and ");
    case Kind::kAny:
      return Joined(children, " or ");
    case Kind::kNot:
      return absl::StrCat("not (", children[0].ToString(), ")");
    case Kind::kDestinationPort:
      return first_port == last_port ? absl::StrCat("port is ", first_port)
                                     : absl::StrCat("port is ", first_port, " to ", last_port);
    case Kind::kSourceIp:
    case Kind::kRemoteIp:
    case Kind::kDestinationIp:
      return absl::StrCat(Subject(*this), " is in ", block);
    default:
      return absl::StrCat(Subject(*this), " ", TextWords(text));
  }
}

}  // namespace mesh::authz
