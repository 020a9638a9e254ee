#include "mesh/translate/authorization_rule.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

using envoy::config::rbac::v3::Permission;
using envoy::config::rbac::v3::Policy;
using envoy::config::rbac::v3::Principal;
using envoy::type::matcher::v3::MetadataMatcher;
using envoy::type::matcher::v3::StringMatcher;
using ::istio::security::v1beta1::Condition;
using ::istio::security::v1beta1::Operation;
using ::istio::security::v1beta1::Rule;
using ::istio::security::v1beta1::Source;
using Values = google::protobuf::RepeatedPtrField<std::string>;

// Where jwt_authn leaves what a token says.
constexpr char kTokens[] = "envoy.filters.http.jwt_authn";
constexpr char kPayload[] = "payload";

// `text` as a regex that matches nothing else.
std::string Quoted(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (absl::StrContains("\\.+*?()|[]{}^$", absl::string_view(&c, 1))) out += '\\';
    out += c;
  }
  return out;
}

// "x", "x*", "*x" and "*", which is anything but nothing.
StringMatcher Pattern(std::string_view value) {
  StringMatcher matcher;
  if (value == "*") return WholeRegex(".+");
  if (value.substr(0, 1) == "*") {
    matcher.set_suffix(std::string(value.substr(1)));
  } else if (!value.empty() && value.back() == '*') {
    matcher.set_prefix(std::string(value.substr(0, value.size() - 1)));
  } else {
    matcher.set_exact(std::string(value));
  }
  return matcher;
}

envoy::config::route::v3::HeaderMatcher Header(std::string_view name, std::string_view value) {
  envoy::config::route::v3::HeaderMatcher matcher;
  matcher.set_name(std::string(name));
  if (value == "*") {
    matcher.set_present_match(true);
  } else {
    *matcher.mutable_string_match() = Pattern(value);
  }
  return matcher;
}

// The same where a match forbids: also as one of several values between commas, so that nothing
// hides behind another value (CVE-2020-25017).
envoy::config::route::v3::HeaderMatcher AnyPart(std::string_view name, std::string_view value) {
  envoy::config::route::v3::HeaderMatcher matcher = Header(name, value);
  if (value == "*") return matcher;
  constexpr char kBefore[] = "(.*,)?[ \t]*", kAfter[] = "[ \t]*(,.*)?";
  std::string regex;
  if (value.substr(0, 1) == "*") {
    regex = absl::StrCat(".*", Quoted(value.substr(1)), kAfter);
  } else if (!value.empty() && value.back() == '*') {
    regex = absl::StrCat(kBefore, Quoted(value.substr(0, value.size() - 1)), ".*");
  } else {
    regex = absl::StrCat(kBefore, Quoted(value), kAfter);
  }
  *matcher.mutable_string_match() = WholeRegex(regex);
  return matcher;
}

// A host in every spelling that is routed alike: in any case, with a dot at its end, with a port
// where the policy names none (CVE-2021-39155).
Permission Host(const std::string& value) {
  const auto spelling = [](StringMatcher matcher) {
    Permission permission;
    permission.mutable_header()->set_name(":authority");
    matcher.set_ignore_case(true);
    *permission.mutable_header()->mutable_string_match() = std::move(matcher);
    return permission;
  };
  Permission any;
  if (value == "*") {
    *any.mutable_header() = Header(":authority", value);
    return any;
  }
  if (!value.empty() && value.back() == '*') return spelling(Pattern(value));
  auto* const rules = any.mutable_or_rules()->mutable_rules();
  const bool suffix = value.substr(0, 1) == "*";
  const std::string name = suffix ? value.substr(1) : value;
  const size_t colon = name.rfind(':');
  const bool has_port = colon != std::string::npos && name.find(']', colon) == std::string::npos;
  if (suffix && !has_port) {
    any.Clear();
    any.mutable_header()->set_name(":authority");
    *any.mutable_header()->mutable_string_match() =
        WholeRegex(absl::StrCat("(?i).*", Quoted(name), "\\.?(:[0-9]+)?"));
    return any;
  }
  std::string dotted = has_port ? name.substr(0, colon) : name;
  if (absl::EndsWith(dotted, ".") && dotted.size() > 1) dotted.pop_back();
  const std::string port = has_port ? name.substr(colon) : "";
  for (const char* const dot : {"", "."}) {
    StringMatcher whole;
    const std::string text = absl::StrCat(dotted, dot, port);
    suffix ? whole.set_suffix(text) : whole.set_exact(text);
    *rules->Add() = spelling(std::move(whole));
    if (has_port) continue;
    StringMatcher before_port;
    before_port.set_prefix(text + ":");
    *rules->Add() = spelling(std::move(before_port));
  }
  return any;
}

Principal Identity(StringMatcher name) {
  Principal principal;
  *principal.mutable_authenticated()->mutable_principal_name() = std::move(name);
  return principal;
}

// A claim that is this text, or a list with it.
Principal Claim(const std::vector<std::string>& path, const StringMatcher& text) {
  Principal principal;
  auto* const sourced = principal.mutable_sourced_metadata();
  MetadataMatcher* const matcher = sourced->mutable_metadata_matcher();
  matcher->set_filter(kTokens);
  matcher->add_path()->set_key(kPayload);
  for (const std::string& key : path) matcher->add_path()->set_key(key);
  auto* const either = matcher->mutable_value()->mutable_or_match();
  *either->add_value_matchers()->mutable_string_match() = text;
  *either->add_value_matchers()->mutable_list_match()->mutable_one_of()->mutable_string_match() =
      text;
  return principal;
}
// A claim that is this text.
Principal TextClaim(const std::string& name, StringMatcher text) {
  Principal principal;
  MetadataMatcher* const matcher = principal.mutable_sourced_metadata()->mutable_metadata_matcher();
  matcher->set_filter(kTokens);
  matcher->add_path()->set_key(kPayload);
  matcher->add_path()->set_key(name);
  *matcher->mutable_value()->mutable_string_match() = std::move(text);
  return principal;
}

// "issuer/subject" in two claims. Where it is cut is not known, as issuers have slashes too: every
// place is an alternative, so that the whole is what the text of both would have given.
Principal RequestPrincipal(const std::string& value) {
  const auto exactly = [](std::string text) {
    StringMatcher matcher;
    matcher.set_exact(std::move(text));
    return matcher;
  };
  const auto prefix = [](std::string text) {
    if (text.empty()) return WholeRegex(".+");
    StringMatcher matcher;
    matcher.set_prefix(std::move(text));
    return matcher;
  };
  const auto suffix = [](std::string text) {
    if (text.empty()) return WholeRegex(".+");
    StringMatcher matcher;
    matcher.set_suffix(std::move(text));
    return matcher;
  };
  Principal any;
  auto* const ids = any.mutable_or_ids()->mutable_ids();
  const auto add = [&](StringMatcher issuer, StringMatcher subject) {
    auto* const both = ids->Add()->mutable_and_ids()->mutable_ids();
    *both->Add() = TextClaim("iss", std::move(issuer));
    *both->Add() = TextClaim("sub", std::move(subject));
  };
  const StringMatcher something = WholeRegex(".+");
  if (value == "*") {
    add(something, something);
    return any;
  }
  const bool is_suffix = value.substr(0, 1) == "*";
  const bool is_prefix = !is_suffix && !value.empty() && value.back() == '*';
  const std::string text = is_suffix   ? value.substr(1)
                           : is_prefix ? value.substr(0, value.size() - 1)
                                       : value;
  for (size_t slash = text.find('/'); slash != std::string::npos;
       slash = text.find('/', slash + 1)) {
    const std::string issuer = text.substr(0, slash), subject = text.substr(slash + 1);
    if (is_suffix) {
      // Nothing behind the slash: the subject would be empty.
      if (!subject.empty()) add(suffix(issuer), exactly(subject));
    } else if (!issuer.empty() && (is_prefix || !subject.empty())) {
      add(exactly(issuer), is_prefix ? prefix(subject) : exactly(subject));
    }
  }
  if (is_suffix) add(something, suffix(text));
  if (is_prefix) add(prefix(text), something);
  // A text without a slash is no principal: the alternatives must not be empty.
  if (ids->empty()) ids->Add()->mutable_not_id()->set_any(true);
  return any;
}

// "key[name]" with that key: the name.
std::optional<std::string> Bracketed(std::string_view text, std::string_view key) {
  if (text.substr(0, key.size()) != key) return std::nullopt;
  const std::string_view rest = text.substr(key.size());
  if (rest.size() < 3 || rest.front() != '[' || rest.back() != ']') return std::nullopt;
  return std::string(rest.substr(1, rest.size() - 2));
}

// An identity stands for those of the same name in every trust domain that is an alias of its own.
std::vector<std::string> WithAliases(const Values& principals,
                                     const std::vector<std::string>& domains) {
  std::vector<std::string> all;
  const auto add = [&](std::string name) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(std::move(name));
  };
  for (const std::string& principal : principals) {
    const size_t slash = principal.find('/');
    const std::vector<std::string> parts = absl::StrSplit(principal, '/');
    if (parts.size() != 5) {
      add(principal);
      continue;
    }
    const std::string domain = principal.substr(0, slash);
    const auto means = [&](const std::string& known) {
      return domain == known || domain == "*" ||
             (absl::StartsWith(domain, "*") && absl::EndsWith(known, domain.substr(1)));
    };
    if (domain != "cluster.local" && std::none_of(domains.begin(), domains.end(), means)) {
      add(principal);
      continue;
    }
    for (const std::string& known : domains) {
      add(absl::StartsWith(domain, "*") && means(known)
              ? principal
              : absl::StrCat(known, principal.substr(slash)));
    }
  }
  return all;
}

class RuleBuilder {
 public:
  explicit RuleBuilder(const RuleOptions& options) : options_(options) {}

  TranslatedRule Build(const Rule& rule) {
    Policy policy;
    if (rule.to().empty()) *policy.add_permissions() = Permissions(nullptr, rule);
    for (const Rule::To& to : rule.to()) {
      *policy.add_permissions() = Permissions(&to.operation(), rule);
    }
    if (rule.from().empty()) *policy.add_principals() = Principals(nullptr, rule);
    for (const Rule::From& from : rule.from()) {
      *policy.add_principals() = Principals(&from.source(), rule);
    }
    if (!unknown_.empty() && !options_.forbids) return {std::nullopt, unknown_};
    return {std::move(policy), unknown_};
  }

 private:
  // Runs over values and notValues; `make` gives nothing for what cannot be expressed.
  template <class M, class List, class Make>
  void Add(const List& values, const List& not_values, const Make& make,
           google::protobuf::RepeatedPtrField<M>* out) {
    for (const bool negated : {false, true}) {
      M either;
      auto* list = Alternatives(&either);
      for (const std::string& value : negated ? not_values : values) {
        // What is negated forbids where the rule allows.
        std::optional<M> made = make(value, options_.forbids != negated);
        if (made.has_value()) *list->Add() = *std::move(made);
      }
      if (list->empty()) continue;
      if (negated) {
        *Negation(out->Add()) = std::move(either);
      } else {
        *out->Add() = std::move(either);
      }
    }
  }
  static auto* Alternatives(Permission* p) { return p->mutable_or_rules()->mutable_rules(); }
  static auto* Alternatives(Principal* p) { return p->mutable_or_ids()->mutable_ids(); }
  static Permission* Negation(Permission* p) { return p->mutable_not_rule(); }
  static Principal* Negation(Principal* p) { return p->mutable_not_id(); }

  // HTTP's fields are not to be seen on a TCP connection.
  template <class M>
  std::optional<M> HttpOnly(std::string_view what, M made) {
    if (!options_.tcp) return made;
    return Unknown<M>(what);
  }
  template <class M>
  std::optional<M> Unknown(std::string_view what) {
    if (unknown_.empty()) unknown_ = std::string(what);
    return std::nullopt;
  }

  std::optional<Permission> Port(const std::string& value) {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(value, &number)) return Unknown<Permission>("ports");
    Permission permission;
    permission.set_destination_port(number);
    return permission;
  }

  Permission Permissions(const Operation* operation, const Rule& rule) {
    Permission all;
    auto* rules = all.mutable_and_rules()->mutable_rules();
    if (operation != nullptr) {
      Add(
          operation->hosts(), operation->not_hosts(),
          [&](const std::string& value, bool) { return HttpOnly("hosts", Host(value)); }, rules);
      Add(
          operation->methods(), operation->not_methods(),
          [&](const std::string& value, bool) {
            Permission permission;
            *permission.mutable_header() = Header(":method", value);
            return HttpOnly("methods", permission);
          },
          rules);
      Add(
          operation->paths(), operation->not_paths(),
          [&](const std::string& value, bool) {
            Permission permission;
            *permission.mutable_url_path()->mutable_path() = Pattern(value);
            return HttpOnly("paths", permission);
          },
          rules);
      Add(
          operation->ports(), operation->not_ports(),
          [&](const std::string& value, bool) { return Port(value); }, rules);
    }
    for (const Condition& when : rule.when()) AddConnectionCondition(when, rules);
    if (rules->empty()) rules->Add()->set_any(true);
    return all;
  }

  void AddConnectionCondition(const Condition& when,
                              google::protobuf::RepeatedPtrField<Permission>* rules) {
    const auto add = [&](const auto& make) { Add(when.values(), when.not_values(), make, rules); };
    const std::string& key = when.key();
    constexpr std::string_view kExperimental = "experimental.";
    if (key == "destination.ip") {
      add([&](const std::string& value, bool) -> std::optional<Permission> {
        Permission permission;
        if (!ParseCidr(value, permission.mutable_destination_ip())) {
          return Unknown<Permission>(key);
        }
        return permission;
      });
    } else if (key == "destination.port") {
      add([&](const std::string& value, bool) { return Port(value); });
    } else if (key == "connection.sni") {
      add([&](const std::string& value, bool) -> std::optional<Permission> {
        Permission permission;
        *permission.mutable_requested_server_name() = Pattern(value);
        return permission;
      });
    } else if (absl::StartsWith(key, "experimental.envoy.filters.")) {
      const size_t bracket = key.find('[');
      if (bracket == std::string::npos || key.back() != ']') {
        (void)Unknown<Permission>(key);
        return;
      }
      add([&](const std::string& value, bool) -> std::optional<Permission> {
        Permission permission;
        auto* metadata = permission.mutable_metadata();
        metadata->set_filter(key.substr(kExperimental.size(), bracket - kExperimental.size()));
        metadata->add_path()->set_key(key.substr(bracket + 1, key.size() - bracket - 2));
        if (value.size() > 1 && value.front() == '[' && value.back() == ']') {
          *metadata->mutable_value()
               ->mutable_list_match()
               ->mutable_one_of()
               ->mutable_string_match() = Pattern(value.substr(1, value.size() - 2));
        } else {
          *metadata->mutable_value()->mutable_string_match() = Pattern(value);
        }
        return permission;
      });
    }
  }

  // The certificate's URI is spiffe://, then what policies write.
  Principal WorkloadIdentity(const std::string& value) const {
    StringMatcher matcher = Pattern(value);
    if (matcher.has_exact()) {
      matcher.set_exact("spiffe://" + matcher.exact());
    } else if (matcher.has_prefix()) {
      matcher.set_prefix("spiffe://" + matcher.prefix());
    } else if (matcher.has_suffix() && options_.tcp) {
      matcher = WholeRegex(absl::StrCat("spiffe://.*", Quoted(matcher.suffix())));
    }
    return Identity(std::move(matcher));
  }

  // What no certificate says is not what a rule that allows may be content with: on plaintext
  // "not from x" would hold for everybody.
  void AddSomeIdentity(const Values& not_values,
                       google::protobuf::RepeatedPtrField<Principal>* ids) {
    if (!not_values.empty() && !options_.forbids) *ids->Add() = Identity(WholeRegex(".+"));
  }

  void AddIdentities(const Values& values, const Values& not_values,
                     google::protobuf::RepeatedPtrField<Principal>* ids) {
    AddSomeIdentity(not_values, ids);
    Add(
        WithAliases(values, options_.trust_domains),
        WithAliases(not_values, options_.trust_domains),
        [&](const std::string& value, bool) { return std::make_optional(WorkloadIdentity(value)); },
        ids);
  }

  void AddNamespaces(const Values& values, const Values& not_values,
                     google::protobuf::RepeatedPtrField<Principal>* ids) {
    AddSomeIdentity(not_values, ids);
    Add(
        values, not_values,
        [&](const std::string& value, bool) {
          std::vector<std::string> literals = absl::StrSplit(value, '*');
          for (std::string& literal : literals) literal = Quoted(literal);
          const std::string name = absl::StrJoin(literals, ".*");
          return std::make_optional(Identity(WholeRegex(absl::StrCat(".*/ns/", name, "/.*"))));
        },
        ids);
  }

  void AddAddresses(const char* what, const Values& values, const Values& not_values, bool direct,
                    google::protobuf::RepeatedPtrField<Principal>* ids) {
    Add(
        values, not_values,
        [&](const std::string& value, bool) -> std::optional<Principal> {
          Principal principal;
          if (!ParseCidr(value, direct ? principal.mutable_direct_remote_ip()
                                       : principal.mutable_remote_ip())) {
            return Unknown<Principal>(what);
          }
          return principal;
        },
        ids);
  }

  void AddRequestPrincipals(const char* what, const Values& values, const Values& not_values,
                            google::protobuf::RepeatedPtrField<Principal>* ids) {
    Add(
        values, not_values,
        [&](const std::string& value, bool) { return HttpOnly(what, RequestPrincipal(value)); },
        ids);
  }

  void AddUnseen(const char* what, const Values& values, const Values& not_values) {
    if (!values.empty() || !not_values.empty()) (void)Unknown<Principal>(what);
  }

  Principal Principals(const Source* source, const Rule& rule) {
    Principal all;
    auto* ids = all.mutable_and_ids()->mutable_ids();
    if (source != nullptr) {
      AddIdentities(source->principals(), source->not_principals(), ids);
      AddRequestPrincipals("requestPrincipals", source->request_principals(),
                           source->not_request_principals(), ids);
      AddNamespaces(source->namespaces(), source->not_namespaces(), ids);
      AddAddresses("ipBlocks", source->ip_blocks(), source->not_ip_blocks(), /*direct=*/true, ids);
      AddAddresses("remoteIpBlocks", source->remote_ip_blocks(), source->not_remote_ip_blocks(),
                   /*direct=*/false, ids);
      AddUnseen("serviceAccounts", source->service_accounts(), source->not_service_accounts());
      AddUnseen("trustDomains", source->trust_domains(), source->not_trust_domains());
    }
    for (const Condition& when : rule.when()) AddSourceCondition(when, ids);
    if (ids->empty()) ids->Add()->set_any(true);
    return all;
  }

  void AddSourceCondition(const Condition& when,
                          google::protobuf::RepeatedPtrField<Principal>* ids) {
    const std::string& key = when.key();
    const auto add = [&](const auto& make) {
      Add(
          when.values(), when.not_values(),
          [&](const std::string& value, bool forbids) {
            return HttpOnly(key, make(value, forbids));
          },
          ids);
    };
    if (key == "source.ip") {
      AddAddresses("source.ip", when.values(), when.not_values(), /*direct=*/true, ids);
    } else if (key == "remote.ip") {
      AddAddresses("remote.ip", when.values(), when.not_values(), /*direct=*/false, ids);
    } else if (key == "source.namespace") {
      AddNamespaces(when.values(), when.not_values(), ids);
    } else if (key == "source.principal") {
      AddIdentities(when.values(), when.not_values(), ids);
    } else if (key == "request.auth.principal") {
      AddRequestPrincipals("request.auth.principal", when.values(), when.not_values(), ids);
    } else if (key == "request.auth.audiences") {
      add([](const std::string& value, bool) { return Claim({"aud"}, Pattern(value)); });
    } else if (key == "request.auth.presenter") {
      add([](const std::string& value, bool) { return TextClaim("azp", Pattern(value)); });
    } else if (const auto claim = Bracketed(key, "request.auth.claims")) {
      const std::vector<std::string> path = absl::StrSplit(*claim, "][");
      add([&](const std::string& value, bool) { return Claim(path, Pattern(value)); });
    } else if (const auto header = Bracketed(key, "request.headers")) {
      const std::string name = absl::AsciiStrToLower(*header);
      add([&](const std::string& value, bool forbids) {
        Principal principal;
        *principal.mutable_header() = forbids ? AnyPart(name, value) : Header(name, value);
        return principal;
      });
    } else if (!absl::StartsWith(key, "destination.") && key != "connection.sni" &&
               !absl::StartsWith(key, "experimental.")) {
      (void)Unknown<Principal>(key);
    }
  }

  const RuleOptions& options_;
  std::string unknown_;
};

}  // namespace

TranslatedRule TranslateRule(const Rule& rule, const RuleOptions& options) {
  return RuleBuilder(options).Build(rule);
}

}  // namespace mesh::translate
