#include "mesh/route/conditions.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"
#include "mesh/route/ip_range.h"
#include "mesh/route/path_template.h"

namespace mesh::route {
namespace {

re2::StringPiece Piece(std::string_view text) { return re2::StringPiece(text.data(), text.size()); }

bool ContainsIgnoreCase(std::string_view text, std::string_view part) {
  for (size_t at = 0; at + part.size() <= text.size(); ++at) {
    if (http::StartsWithIgnoreCase(text.substr(at), part)) return true;
  }
  return false;
}

bool IsGrpc(const Request& request) {
  static constexpr std::string_view kGrpc = "application/grpc";
  if (request.path.data() == nullptr) return false;
  const std::string_view type = request.headers.First("content-type").value_or("");
  return type.substr(0, kGrpc.size()) == kGrpc &&
         (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

const Value* Walk(const Value* value, const std::vector<std::string>& path) {
  for (const std::string& key : path) {
    if (value == nullptr) return nullptr;
    const auto* fields = std::get_if<Value::Struct>(&value->value);
    if (fields == nullptr) return nullptr;
    const auto found = fields->find(key);
    value = found == fields->end() ? nullptr : &found->second;
  }
  return value;
}

bool MatchValue(const ValueMatch& match, const RegexPool& pool, const Value* value) {
  // A missing value is none of google.protobuf.Value's kinds, null among them.
  switch (match.kind) {
    case ValueMatch::Kind::kNull:
      return value != nullptr && std::holds_alternative<std::monostate>(value->value);
    case ValueMatch::Kind::kNumber: {
      const double* number = value == nullptr ? nullptr : std::get_if<double>(&value->value);
      return number != nullptr && *number == match.begin;
    }
    case ValueMatch::Kind::kNumberRange: {
      const double* number = value == nullptr ? nullptr : std::get_if<double>(&value->value);
      return number != nullptr && *number >= match.begin && *number < match.end;
    }
    case ValueMatch::Kind::kString: {
      const std::string* text =
          value == nullptr ? nullptr : std::get_if<std::string>(&value->value);
      return text != nullptr && MatchString(match.text, pool, *text);
    }
    case ValueMatch::Kind::kBool: {
      const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(&value->value);
      return flag != nullptr && *flag == match.flag;
    }
    case ValueMatch::Kind::kPresent:
      return (value != nullptr) == match.flag;
    case ValueMatch::Kind::kListHas: {
      const Value::List* list =
          value == nullptr ? nullptr : std::get_if<Value::List>(&value->value);
      return list != nullptr && !match.of.empty() &&
             std::any_of(list->begin(), list->end(), [&](const Value& element) {
               return MatchValue(match.of[0], pool, &element);
             });
    }
    case ValueMatch::Kind::kAny:
      return std::any_of(match.of.begin(), match.of.end(),
                         [&](const ValueMatch& one) { return MatchValue(one, pool, value); });
  }
  return false;
}

bool Matches(const HeaderMatch& match, const RegexPool& pool, const Request& request) {
  return MatchHeader(match, pool, request);
}

bool Matches(const QueryMatch& match, const RegexPool& pool, const Request& request) {
  const std::optional<std::string_view> value = http::QueryParameter(request.path, match.name);
  if (!match.value) return value.has_value() == match.present;
  return value && MatchString(*match.value, pool, *value);
}

bool Matches(const CookieMatch& match, const RegexPool& pool, const Request& request) {
  static constexpr size_t kLines = 8;
  std::string_view lines[kLines];
  const size_t count = std::min(request.headers.Find("cookie", lines, kLines), kLines);
  for (size_t i = 0; i < count; ++i) {
    if (const auto value = http::Cookie(lines[i], match.name)) {
      return MatchString(match.value, pool, *value) != match.invert;
    }
  }
  // No such cookie: not what is asked for, and so what an inverted match asks for.
  return match.invert;
}

bool Matches(const GrpcMatch&, const RegexPool&, const Request& request) { return IsGrpc(request); }

bool Matches(const TlsMatch& match, const RegexPool&, const Request& request) {
  return match.presented.value_or(request.certificate_presented) == request.certificate_presented &&
         match.validated.value_or(request.certificate_validated) == request.certificate_validated;
}

bool Matches(const FractionMatch& match, const RegexPool&, const Request& request) {
  if (request.facts != nullptr && !match.runtime_key.empty()) {
    if (const auto percent = request.facts->RuntimeInteger(match.runtime_key)) {
      return request.random % 100 < *percent;
    }
  }
  return request.random % match.denominator < match.numerator;
}

bool Matches(const MetadataMatch& match, const RegexPool& pool, const Request& request) {
  const Value* root = request.facts == nullptr ? nullptr : request.facts->Metadata(match.filter);
  return MatchValue(match.value, pool, Walk(root, match.path)) != match.invert;
}

bool Matches(const FilterStateMatch& match, const RegexPool& pool, const Request& request) {
  if (request.facts == nullptr) return false;
  const std::optional<std::string_view> value = request.facts->FilterState(match.key);
  if (!value) return false;
  if (match.text) return MatchString(*match.text, pool, *value);
  const bool in = std::any_of(match.ranges.begin(), match.ranges.end(),
                              [&](const std::string& r) { return AddressInRange(*value, r); });
  return in != match.invert_ranges;
}

absl::Status CompileValue(const ValueMatch& match, RegexPool* pool) {
  if (match.kind == ValueMatch::Kind::kString) return CompileString(match.text, pool);
  for (const ValueMatch& one : match.of) {
    if (absl::Status status = CompileValue(one, pool); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CompileCondition(const Condition& condition, RegexPool* pool) {
  if (const auto* header = std::get_if<HeaderMatch>(&condition)) {
    if (header->name.empty()) return absl::InvalidArgumentError("has no name");
    if (header->kind == HeaderMatch::Kind::kValue) return CompileString(header->value, pool);
  } else if (const auto* query = std::get_if<QueryMatch>(&condition)) {
    if (query->value) return CompileString(*query->value, pool);
  } else if (const auto* cookie = std::get_if<CookieMatch>(&condition)) {
    return CompileString(cookie->value, pool);
  } else if (const auto* fraction = std::get_if<FractionMatch>(&condition)) {
    if (fraction->denominator == 0) return absl::InvalidArgumentError("has the denominator 0");
  } else if (const auto* metadata = std::get_if<MetadataMatch>(&condition)) {
    return CompileValue(metadata->value, pool);
  } else if (const auto* state = std::get_if<FilterStateMatch>(&condition)) {
    for (const std::string& range : state->ranges) {
      if (!ParseRange(range)) {
        return absl::InvalidArgumentError(absl::StrCat("has \"", range, "\" for an address range"));
      }
    }
    if (state->text) return CompileString(*state->text, pool);
  }
  return absl::OkStatus();
}

// The field of Envoy's RouteMatch that conditions of this kind stand in.
std::string_view FieldOf(const Condition& condition) {
  static constexpr std::string_view kFields[] = {
      "headers",     "query_parameters", "cookies",          "grpc",
      "tls_context", "runtime_fraction", "dynamic_metadata", "filter_state"};
  static_assert(std::variant_size_v<Condition> == std::size(kFields));
  return kFields[condition.index()];
}

bool Repeated(const Condition& condition) {
  return !std::holds_alternative<GrpcMatch>(condition) &&
         !std::holds_alternative<TlsMatch>(condition) &&
         !std::holds_alternative<FractionMatch>(condition);
}

std::string Quote(std::string_view text) {
  return text.data() == nullptr ? "none" : absl::StrCat("\"", Absl(text), "\"");
}

std::string WhyStringFails(const StringMatch& match) {
  const char* verb = "";
  switch (match.kind) {
    case StringMatch::Kind::kExact:
      verb = "is not";
      break;
    case StringMatch::Kind::kPrefix:
      verb = "does not begin with";
      break;
    case StringMatch::Kind::kSuffix:
      verb = "does not end with";
      break;
    case StringMatch::Kind::kContains:
      verb = "does not contain";
      break;
    case StringMatch::Kind::kRegex:
      verb = "does not match the regex";
      break;
  }
  return absl::StrCat(verb, " ", Quote(match.text), match.ignore_case ? " (without case)" : "");
}

}  // namespace

bool IsConnect(const Request& request) {
  if (request.method == "CONNECT") return true;
  const std::optional<std::string_view> upgrade = request.headers.First("upgrade");
  return upgrade && http::EqualsIgnoreCase(*upgrade, "connect-udp");
}

std::string PathRegexText(const PathMatch& match) {
  if (match.kind == PathMatch::Kind::kRegex) return match.text;
  const absl::StatusOr<std::string> text = TemplateRegex(match.text);
  return text.ok() ? *text : "";
}

absl::Status RegexPool::Add(const void* user, const std::string& pattern) {
  std::unique_ptr<re2::RE2>& slot = regexes_[pattern];
  if (slot == nullptr) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(memory_bytes_);
    auto regex = std::make_unique<re2::RE2>(pattern, options);
    std::string error;
    if (!regex->ok()) {
      error = absl::StrCat("invalid regex \"", pattern, "\": ", regex->error());
    } else if (max_program_size_ > 0 && regex->ProgramSize() > max_program_size_) {
      error = absl::StrCat("regex \"", pattern, "\": RE2 program size ", regex->ProgramSize(),
                           " is more than ", max_program_size_, "; make it shorter");
    }
    if (!error.empty()) {
      regexes_.erase(pattern);
      return absl::InvalidArgumentError(error);
    }
    slot = std::move(regex);
  }
  users_[user] = slot.get();
  return absl::OkStatus();
}

const re2::RE2* RegexPool::Find(const void* user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : found->second;
}

void Input::CutParameters(absl::InlinedVector<char, 256>* bytes) {
  if (whole_path.find(';') == std::string_view::npos) return;
  // Of each segment, what begins with ';'.
  bool parameter = false;
  for (const char c : whole_path) {
    if (c == '/') parameter = false;
    if (c == ';') parameter = true;
    if (!parameter) bytes->push_back(c);
  }
  path = std::string_view(bytes->data(), bytes->size());
  marked = nullptr;
}

HeaderValues::HeaderValues(const Request& request, std::string_view name) {
  if (!name.empty() && (name[0] == ':' || name == "host")) {
    const std::string_view* value = nullptr;
    if (name == ":path") {
      value = &request.path;
    } else if (name == ":method") {
      value = &request.method;
    } else if (name == ":authority" || name == "host") {
      value = &request.authority;
    } else if (name == ":scheme") {
      value = &request.scheme;
    }
    if (value != nullptr) {
      inline_[0] = *value;
      size_ = value->data() == nullptr ? 0 : 1;
      return;
    }
  }
  size_ = request.headers.Find(name, inline_, kInline);
  if (size_ <= kInline) return;
  more_.resize(size_);
  request.headers.Find(name, more_.data(), size_);
  values_ = more_.data();
}

JoinedValue::JoinedValue(const Request& request, std::string_view name) {
  const HeaderValues values(request, name);
  present_ = !values.empty();
  value_ = values.first();
  if (values.size() <= 1) return;
  joined_.emplace(request.headers, name);
  value_ = joined_->value();
}

absl::Status CompileString(const StringMatch& match, RegexPool* pool) {
  if (match.kind != StringMatch::Kind::kRegex) {
    if (match.text.empty() && match.kind != StringMatch::Kind::kExact) {
      return absl::InvalidArgumentError("is empty; write what to look for");
    }
    return absl::OkStatus();
  }
  return pool->Add(&match, match.text);
}

bool MatchString(const StringMatch& match, const RegexPool& pool, std::string_view value) {
  const std::string_view text = match.text;
  switch (match.kind) {
    case StringMatch::Kind::kExact:
      return match.ignore_case ? http::EqualsIgnoreCase(value, text) : value == text;
    case StringMatch::Kind::kPrefix:
      return match.ignore_case ? http::StartsWithIgnoreCase(value, text)
                               : value.substr(0, text.size()) == text;
    case StringMatch::Kind::kSuffix: {
      if (value.size() < text.size()) return false;
      const std::string_view end = value.substr(value.size() - text.size());
      return match.ignore_case ? http::EqualsIgnoreCase(end, text) : end == text;
    }
    case StringMatch::Kind::kContains:
      return match.ignore_case ? ContainsIgnoreCase(value, text)
                               : value.find(text) != std::string_view::npos;
    case StringMatch::Kind::kRegex: {
      const re2::RE2* regex = pool.Find(&match);
      return regex != nullptr && re2::RE2::FullMatch(Piece(value), *regex);
    }
  }
  return false;
}

bool MatchHeader(const HeaderMatch& match, const RegexPool& pool, const Request& request) {
  const HeaderValues values(request, match.name);
  if (match.kind == HeaderMatch::Kind::kPresent) {
    return ((!values.empty() || match.missing_is_empty) == match.present) != match.invert;
  }
  const auto matches = [&](std::string_view value) {
    if (match.kind == HeaderMatch::Kind::kValue) return MatchString(match.value, pool, value);
    int64_t number = 0;
    return absl::SimpleAtoi(Absl(value), &number) && number >= match.begin && number < match.end;
  };
  if (values.empty()) return match.missing_is_empty && matches("") != match.invert;
  return std::any_of(values.begin(), values.end(), matches) != match.invert;
}

bool MatchCondition(const Condition& condition, const RegexPool& pool, const Request& request) {
  return std::visit([&](const auto& match) { return Matches(match, pool, request); }, condition);
}

std::string WhyConditionFails(const Condition& condition, const Request& request) {
  if (const auto* header = std::get_if<HeaderMatch>(&condition)) {
    const HeaderValues values(request, header->name);
    const std::string what = absl::StrCat("header ", header->name, ": ");
    if (header->kind == HeaderMatch::Kind::kPresent) {
      return absl::StrCat(what, header->present != header->invert ? "is missing" : "is there");
    }
    if (values.empty()) return absl::StrCat(what, "is missing");
    std::string shown;
    for (const std::string_view value : values) {
      absl::StrAppend(&shown, shown.empty() ? "" : ", ", Quote(value));
    }
    if (header->kind == HeaderMatch::Kind::kRange) {
      return absl::StrCat(what, shown, header->invert ? " is" : " is not", " in [", header->begin,
                          ", ", header->end, ")");
    }
    if (header->invert) {
      return absl::StrCat(what, shown, " is excluded by ", Quote(header->value.text));
    }
    return absl::StrCat(what, shown, " ", WhyStringFails(header->value));
  }
  if (const auto* query = std::get_if<QueryMatch>(&condition)) {
    const auto value = http::QueryParameter(request.path, query->name);
    const std::string what = absl::StrCat("query parameter ", query->name, ": ");
    if (!value) return absl::StrCat(what, "is missing");
    if (!query->value) return absl::StrCat(what, "is there");
    return absl::StrCat(what, Quote(*value), " ", WhyStringFails(*query->value));
  }
  if (const auto* cookie = std::get_if<CookieMatch>(&condition)) {
    const std::string what = absl::StrCat("cookie ", cookie->name, ": ");
    const auto value =
        http::Cookie(http::JoinedHeader(request.headers, "cookie").value(), cookie->name);
    if (!value) return absl::StrCat(what, "is missing");
    if (cookie->invert) {
      return absl::StrCat(what, Quote(*value), " is excluded by ", Quote(cookie->value.text));
    }
    return absl::StrCat(what, Quote(*value), " ", WhyStringFails(cookie->value));
  }
  if (std::holds_alternative<GrpcMatch>(condition)) {
    return absl::StrCat("grpc: content-type is ",
                        Quote(request.headers.First("content-type").value_or("")));
  }
  if (const auto* tls = std::get_if<TlsMatch>(&condition)) {
    if (tls->presented && *tls->presented != request.certificate_presented) {
      return absl::StrCat("tls_context: the client presented ",
                          request.certificate_presented ? "a" : "no", " certificate");
    }
    return absl::StrCat("tls_context: the client's certificate is ",
                        request.certificate_validated ? "" : "not ", "validated");
  }
  if (const auto* fraction = std::get_if<FractionMatch>(&condition)) {
    return absl::StrCat("runtime_fraction: random ", request.random, " is outside ",
                        fraction->numerator, " of ", fraction->denominator);
  }
  if (const auto* metadata = std::get_if<MetadataMatch>(&condition)) {
    return absl::StrCat("dynamic_metadata ", metadata->filter, ": does not match");
  }
  return absl::StrCat("filter_state ", std::get<FilterStateMatch>(condition).key,
                      ": does not match");
}

std::vector<FieldError> CompileRule(const Rule& rule, bool path_is_indexed, RegexPool* pool) {
  std::vector<FieldError> errors;
  const auto fail = [&](std::string field, std::string_view message) {
    errors.push_back({rule.position, "", std::move(field), std::string(message)});
  };
  if (!path_is_indexed && rule.path.kind == PathMatch::Kind::kRegex) {
    const absl::Status status = pool->Add(&rule.path, rule.path.text);
    if (!status.ok()) fail("match.safe_regex", Std(status.message()));
  } else if (!path_is_indexed && rule.path.kind == PathMatch::Kind::kTemplate) {
    const absl::StatusOr<std::string> text = TemplateRegex(rule.path.text);
    const absl::Status status = text.ok() ? pool->Add(&rule.path, *text) : text.status();
    if (!status.ok()) fail("match.path_match_policy", Std(status.message()));
  }
  size_t counts[std::variant_size_v<Condition>] = {};
  for (const Condition& condition : rule.conditions) {
    const size_t index = counts[condition.index()]++;
    const absl::Status status = CompileCondition(condition, pool);
    if (status.ok()) continue;
    std::string field = absl::StrCat("match.", Absl(FieldOf(condition)));
    if (Repeated(condition)) absl::StrAppend(&field, "[", index, "]");
    fail(std::move(field), Std(status.message()));
  }
  return errors;
}

bool MatchesPath(const Rule& rule, const RegexPool& pool, const Input& input) {
  const PathMatch& match = rule.path;
  if (match.kind == PathMatch::Kind::kConnect) return IsConnect(input.request);
  if (!input.has_path()) return false;
  const std::string_view path = input.path;
  const std::string_view text = match.text;
  switch (match.kind) {
    case PathMatch::Kind::kPrefix:
      return match.ignore_case ? http::StartsWithIgnoreCase(path, text)
                               : path.substr(0, text.size()) == text;
    case PathMatch::Kind::kExact:
      return match.ignore_case ? http::EqualsIgnoreCase(path, text) : path == text;
    case PathMatch::Kind::kSeparatedPrefix:
      return (match.ignore_case ? http::StartsWithIgnoreCase(path, text)
                                : path.substr(0, text.size()) == text) &&
             (path.size() == text.size() || path[text.size()] == '/');
    case PathMatch::Kind::kRegex:
    case PathMatch::Kind::kTemplate: {
      const std::string_view seen = match.kind == PathMatch::Kind::kRegex ? path : input.whole_path;
      if (const re2::RE2* regex = pool.Find(&match)) {
        return re2::RE2::FullMatch(Piece(seen), *regex);
      }
      // The index has it without RE2; only explanations and tests come by here.
      const re2::RE2 regex(PathRegexText(match), re2::RE2::Quiet);
      return re2::RE2::FullMatch(Piece(seen), regex);
    }
    case PathMatch::Kind::kConnect:
      break;
  }
  return false;
}

bool MatchesConditions(const Rule& rule, const RegexPool& pool, const Request& request) {
  for (const Condition& condition : rule.conditions) {
    if (!MatchCondition(condition, pool, request)) return false;
  }
  return true;
}

std::string WhyNot(const Rule& rule, const RegexPool& pool, const Input& input) {
  if (!MatchesPath(rule, pool, input)) {
    const PathMatch& match = rule.path;
    const std::string path =
        Quote(match.kind == PathMatch::Kind::kTemplate ? input.whole_path : input.path);
    const std::string text =
        absl::StrCat("\"", match.text, "\"", match.ignore_case ? " (without case)" : "");
    if (!input.has_path() && match.kind != PathMatch::Kind::kConnect) return "path: is missing";
    switch (match.kind) {
      case PathMatch::Kind::kPrefix:
        return absl::StrCat("path: ", path, " does not have the prefix ", text);
      case PathMatch::Kind::kExact:
        return absl::StrCat("path: ", path, " is not ", text);
      case PathMatch::Kind::kSeparatedPrefix:
        return absl::StrCat("path: ", path, " is not ", text, " and not below it");
      case PathMatch::Kind::kRegex:
        return absl::StrCat("path: ", path, " does not match the regex ", text);
      case PathMatch::Kind::kTemplate:
        return absl::StrCat("path: ", path, " does not match the template ", text);
      case PathMatch::Kind::kConnect:
        return absl::StrCat("method: ", Quote(input.request.method), " is not CONNECT");
    }
  }
  for (const Condition& condition : rule.conditions) {
    if (!MatchCondition(condition, pool, input.request)) {
      return WhyConditionFails(condition, input.request);
    }
  }
  return "";
}

}  // namespace mesh::route
