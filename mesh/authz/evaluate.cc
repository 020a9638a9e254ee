#include "mesh/authz/evaluate.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/authz/json.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"

namespace mesh::authz {
namespace {

using Kind = Condition::Kind;

constexpr int kMaxRegexProgram = 1024;
constexpr size_t kHeaderValues = 64;

bool ValidUtf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    const size_t size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || i + size > s.size()) return false;
    uint32_t point = c & (0xff >> (size + 1));
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<uint8_t>(s[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if ((size == 3 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
        (size == 4 && (point < 0x10000 || point > 0x10ffff))) {
      return false;
    }
    i += size;
  }
  return true;
}

bool CleanText(std::string_view s) {
  bool ascii = true;
  for (char c : s) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f) return false;
    ascii &= byte < 0x80;
  }
  return ascii || ValidUtf8(s);
}

std::string_view Trimmed(std::string_view s) { return Std(absl::StripAsciiWhitespace(Absl(s))); }

// As Subject has hosts: lower case, without a dot at the end of the name.
std::string CanonicalHostText(const TextMatch& text) {
  std::string value = http::LowerCase(text.value);
  if (text.kind == TextMatch::Kind::kExact || text.kind == TextMatch::Kind::kSuffix) {
    const size_t port = std::min(http::PortStart(value), value.size());
    if (port > 0 && value[port - 1] == '.' && value.size() > 1) value.erase(port - 1, 1);
  }
  return value;
}

}  // namespace

const std::optional<Address>& Subject::Parsed(Lazy* lazy, std::string_view text) {
  if (!lazy->done) {
    lazy->done = true;
    lazy->address = ParseAddress(text);
  }
  return lazy->address;
}

void Subject::DeriveHost() {
  if (host_done_) return;
  host_done_ = true;
  const std::string_view raw = request_.host;
  char* out = host_buffer_;
  if (raw.size() > sizeof host_buffer_) {
    host_overflow_.resize(raw.size());
    out = host_overflow_.data();
  }
  for (size_t i = 0; i < raw.size(); ++i) out[i] = http::LowerCase(raw[i]);
  const std::string_view all(out, raw.size());
  const size_t port = std::min(http::PortStart(all), all.size());
  host_ = all.substr(0, port);
  const bool dot = host_.size() > 1 && host_.back() == '.';
  if (dot) host_.remove_suffix(1);
  if (dot && port < all.size()) {
    host_port_overflow_ = absl::StrCat(Absl(host_), Absl(all.substr(port)));
    host_with_port_ = host_port_overflow_;
  } else {
    host_with_port_ = dot ? host_ : all;
  }
}

std::string_view Subject::host() {
  DeriveHost();
  return host_;
}
std::string_view Subject::host_with_port() {
  DeriveHost();
  return host_with_port_;
}

std::string_view Subject::trust_domain() const {
  constexpr std::string_view kScheme = "spiffe://";
  if (request_.principal.substr(0, kScheme.size()) != kScheme) return "";
  const std::string_view rest = request_.principal.substr(kScheme.size());
  return rest.substr(0, rest.find('/'));
}

std::string_view Subject::ns() const {
  const std::string_view domain = trust_domain();
  if (domain.empty()) return "";
  std::string_view path = request_.principal.substr(9 + domain.size());
  if (path.substr(0, 4) != "/ns/") return "";
  path.remove_prefix(4);
  const size_t slash = path.find('/');
  if (slash == path.npos || path.substr(slash, 4) != "/sa/") return "";
  return path.substr(0, slash);
}

std::string_view Subject::request_principal() {
  if (request_.claims == nullptr) return "";
  if (!request_principal_) request_principal_ = request_.claims->principal();
  return *request_principal_;
}

bool Subject::WellFormed() const {
  const Request& r = request_;
  if (!r.http) return true;
  if (r.method.empty() || !CleanText(r.method) || !CleanText(r.host) || !CleanText(r.path)) {
    return false;
  }
  return r.method == "CONNECT" || (r.method == "OPTIONS" && r.path == "*") ||
         (!r.path.empty() && r.path[0] == '/');
}

std::string Evaluator::Build(const Condition& condition, Evaluator* out) {
  out->condition_ = &condition;
  out->text_ = condition.text.value;
  switch (condition.kind) {
    case Kind::kAll:
    case Kind::kAny:
    case Kind::kNot:
      if (condition.kind == Kind::kNot && condition.children.size() != 1) {
        return "\"not\" is about one condition";
      }
      out->children_.resize(condition.children.size());
      for (size_t i = 0; i < condition.children.size(); ++i) {
        std::string wrong = Build(condition.children[i], &out->children_[i]);
        if (!wrong.empty()) return wrong;
      }
      return "";
    case Kind::kSourceIp:
    case Kind::kRemoteIp:
    case Kind::kDestinationIp: {
      const auto block = ParseBlock(condition.block);
      if (!block) return absl::StrCat("\"", condition.block, "\" is no address or block");
      out->block_ = *block;
      return "";
    }
    case Kind::kHost:
      if (condition.text.kind != TextMatch::Kind::kRegex) {
        out->text_ = CanonicalHostText(condition.text);
      }
      break;
    default:
      break;
  }
  if (condition.text.kind == TextMatch::Kind::kRegex) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(!condition.text.ignore_case);
    auto regex = std::make_shared<RE2>(condition.text.value, options);
    if (!regex->ok()) {
      return absl::StrCat("regex \"", condition.text.value, "\": ", regex->error());
    }
    if (regex->ProgramSize() > kMaxRegexProgram) {
      return absl::StrCat("regex \"", condition.text.value, "\" is too large");
    }
    out->regex_ = std::move(regex);
  } else if (condition.text.ignore_case) {
    out->text_ = http::LowerCase(out->text_);
  }
  return "";
}

bool Evaluator::TextHolds(std::string_view text) const {
  if (condition_->text.ignore_case && condition_->text.kind != TextMatch::Kind::kRegex) {
    const std::string lower = http::LowerCase(text);
    switch (condition_->text.kind) {
      case TextMatch::Kind::kExact:
        return lower == text_;
      case TextMatch::Kind::kPrefix:
        return absl::StartsWith(lower, text_);
      case TextMatch::Kind::kSuffix:
        return absl::EndsWith(lower, text_);
      case TextMatch::Kind::kContains:
        return absl::StrContains(lower, text_);
      default:
        return !text.empty();
    }
  }
  switch (condition_->text.kind) {
    case TextMatch::Kind::kExact:
      return text == text_;
    case TextMatch::Kind::kPrefix:
      return absl::StartsWith(Absl(text), text_);
    case TextMatch::Kind::kSuffix:
      return absl::EndsWith(Absl(text), text_);
    case TextMatch::Kind::kContains:
      return absl::StrContains(Absl(text), text_);
    case TextMatch::Kind::kPresent:
      return !text.empty();
    case TextMatch::Kind::kRegex:
      return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex_);
  }
  return false;
}

bool Evaluator::HeaderHolds(const Request& request) const {
  const std::string& name = condition_->name;
  if (!name.empty() && name[0] == ':') {
    if (name == ":authority") return TextHolds(request.host);
    if (name == ":method") return TextHolds(request.method);
    if (name == ":path") return TextHolds(request.path);
    if (name == ":scheme") return TextHolds(request.scheme);
    return false;
  }
  if (name == "host") return TextHolds(request.host);
  std::string_view values[kHeaderValues];
  const size_t count = request.headers.Find(name, values, kHeaderValues);
  if (count == 0) return false;
  if (condition_->text.kind == TextMatch::Kind::kPresent) return true;
  const HeaderValues how = condition_->values;
  // More than anybody sends: judged as if it matched where that forbids, as if not where it allows.
  if (count > kHeaderValues) return how == HeaderValues::kAny;
  if (count == 1 || how != HeaderValues::kJoined) {
    for (size_t i = 0; i < count; ++i) {
      if (TextHolds(Trimmed(values[i]))) return true;
    }
  }
  if (count > 1 && how != HeaderValues::kEach) {
    std::string joined;
    for (size_t i = 0; i < count; ++i) {
      absl::StrAppend(&joined, i == 0 ? "" : ",", Absl(Trimmed(values[i])));
    }
    if (TextHolds(joined)) return true;
  }
  if (how != HeaderValues::kAny) return false;
  for (size_t i = 0; i < count; ++i) {
    for (absl::string_view part : absl::StrSplit(Absl(values[i]), ',')) {
      if (TextHolds(Trimmed(Std(part)))) return true;
    }
  }
  return false;
}

bool Evaluator::ValueHolds(const route::Value& value, bool words) const {
  if (const auto* text = std::get_if<std::string>(&value.value)) {
    if (TextHolds(*text)) return true;
    if (!words) return false;
    for (absl::string_view word : absl::StrSplit(*text, ' ', absl::SkipEmpty())) {
      if (TextHolds(Std(word))) return true;
    }
    return false;
  }
  if (const auto* flag = std::get_if<bool>(&value.value))
    return TextHolds(*flag ? "true" : "false");
  if (const auto* list = std::get_if<route::Value::List>(&value.value)) {
    return std::any_of(list->begin(), list->end(), [&](const route::Value& entry) {
      return std::holds_alternative<std::string>(entry.value) && ValueHolds(entry, false);
    });
  }
  return false;
}

namespace {

const route::Value* Walk(const route::Value::Struct& from, const std::vector<std::string>& path) {
  const route::Value::Struct* at = &from;
  const route::Value* value = nullptr;
  for (size_t i = 0; i < path.size(); ++i) {
    if (at == nullptr) return nullptr;
    value = Member(*at, path[i]);
    if (value == nullptr) return nullptr;
    at = std::get_if<route::Value::Struct>(&value->value);
  }
  return value;
}

}  // namespace

bool Evaluator::ClaimHolds(const Request& request) const {
  if (request.claims == nullptr) return false;
  const route::Value* value = Walk(request.claims->all, condition_->path);
  // OAuth writes scopes as words (RFC 8693 §4.2).
  const bool words = condition_->path.size() == 1 &&
                     (condition_->path[0] == "scope" || condition_->path[0] == "permission");
  return value != nullptr && ValueHolds(*value, words);
}

bool Evaluator::HoldsLeaf(Subject* subject) const {
  const Request& r = subject->request();
  const auto in_block = [&](const std::optional<Address>& address) {
    return address && Contains(block_, *address);
  };
  switch (condition_->kind) {
    case Kind::kPrincipal:
      return !r.principal.empty() && TextHolds(r.principal);
    case Kind::kNamespace: {
      const std::string_view ns = subject->ns();
      return !ns.empty() && TextHolds(ns);
    }
    case Kind::kTrustDomain: {
      const std::string_view domain = subject->trust_domain();
      return !domain.empty() && TextHolds(domain);
    }
    case Kind::kSourceIp:
      return in_block(subject->source_ip());
    case Kind::kRemoteIp:
      return in_block(subject->remote_ip());
    case Kind::kDestinationIp:
      return in_block(subject->destination_ip());
    case Kind::kDestinationPort:
      return r.destination_port >= condition_->first_port &&
             r.destination_port <= condition_->last_port;
    case Kind::kServerName:
      return TextHolds(r.server_name);
    default:
      break;
  }
  if (!r.http) return false;
  switch (condition_->kind) {
    case Kind::kHost: {
      const bool with_port = condition_->text.kind != TextMatch::Kind::kRegex &&
                             text_.find(':') != text_.npos && text_[0] != '[';
      return TextHolds(with_port || (!text_.empty() && text_[0] == '[' &&
                                     http::PortStart(text_) != std::string_view::npos)
                           ? subject->host_with_port()
                           : subject->host());
    }
    case Kind::kMethod:
      return TextHolds(r.method);
    case Kind::kPath:
      return TextHolds(subject->path());
    case Kind::kHeader:
      return HeaderHolds(r);
    case Kind::kRequestPrincipal: {
      const std::string_view principal = subject->request_principal();
      return !principal.empty() && TextHolds(principal);
    }
    case Kind::kAudience: {
      if (r.claims == nullptr) return false;
      const route::Value* value = Member(r.claims->all, "aud");
      return value != nullptr && ValueHolds(*value, false);
    }
    case Kind::kPresenter: {
      if (r.claims == nullptr) return false;
      const auto presenter = StringMember(r.claims->all, "azp");
      return presenter && TextHolds(*presenter);
    }
    case Kind::kClaim:
      return ClaimHolds(r);
    case Kind::kMetadata: {
      const route::Value* metadata =
          r.facts == nullptr ? nullptr : r.facts->Metadata(condition_->name);
      const auto* object =
          metadata == nullptr ? nullptr : std::get_if<route::Value::Struct>(&metadata->value);
      const route::Value* value = object == nullptr ? nullptr : Walk(*object, condition_->path);
      if (value == nullptr) return false;
      const bool list = std::holds_alternative<route::Value::List>(value->value);
      const bool text = std::holds_alternative<std::string>(value->value);
      if (condition_->form == ValueForm::kText ? !text
                                               : condition_->form == ValueForm::kEntry && !list) {
        return false;
      }
      return ValueHolds(*value, false);
    }
    default:
      return false;
  }
}

bool Evaluator::Holds(Subject* subject) const {
  switch (condition_->kind) {
    case Kind::kAlways:
      return true;
    case Kind::kNever:
      return false;
    case Kind::kAll:
      for (const Evaluator& child : children_) {
        if (!child.Holds(subject)) return false;
      }
      return true;
    case Kind::kAny:
      for (const Evaluator& child : children_) {
        if (child.Holds(subject)) return true;
      }
      return false;
    case Kind::kNot:
      return !children_[0].Holds(subject);
    default:
      return HoldsLeaf(subject);
  }
}

std::string Evaluator::FirstFailure(Subject* subject) const {
  if (condition_->kind == Kind::kAll) {
    for (const Evaluator& child : children_) {
      if (!child.Holds(subject)) return child.FirstFailure(subject);
    }
  }
  return condition_->ToString();
}

}  // namespace mesh::authz
