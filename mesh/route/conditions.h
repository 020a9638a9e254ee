// Rules compiled so that they can be tried one by one. Private to mesh/route.
#ifndef MESH_ROUTE_CONDITIONS_H_
#define MESH_ROUTE_CONDITIONS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/route/request.h"
#include "mesh/route/rule.h"
#include "mesh/route/table.h"
#include "re2/re2.h"

namespace mesh::route {

// The regexes of one virtual host, each compiled once.
class RegexPool {
 public:
  RegexPool(int max_program_size, int64_t memory_bytes)
      : max_program_size_(max_program_size), memory_bytes_(memory_bytes) {}

  // The compiled form, kept; or RE2's words for what is wrong.
  absl::StatusOr<const re2::RE2*> Add(const std::string& pattern);
  // One added before, or null.
  const re2::RE2* Find(std::string_view pattern) const;

 private:
  const int max_program_size_;
  const int64_t memory_bytes_;
  absl::flat_hash_map<std::string, std::unique_ptr<re2::RE2>> regexes_;
};

// The parts of a request that every rule looks at, made once.
struct Input {
  const Request& request;
  std::string_view path;  // without query and fragment, without parameters where they are ignored
  // The same with parameters: templates always see them.
  std::string_view whole_path;
  bool has_path = true;

  Input(const Request& r, bool ignore_path_parameters);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

 private:
  // The path where parameters were taken out of it.
  absl::InlinedVector<char, 256> shortened_;
};

// The values of a header, pseudo headers included.
class HeaderValues {
 public:
  HeaderValues(const Request& request, std::string_view name);
  HeaderValues(const HeaderValues&) = delete;
  HeaderValues& operator=(const HeaderValues&) = delete;

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const std::string_view* begin() const { return values_; }
  const std::string_view* end() const { return values_ + size_; }
  // "" where there is none.
  std::string_view first() const { return size_ == 0 ? std::string_view() : values_[0]; }

 private:
  static constexpr size_t kInline = 8;
  size_t size_ = 0;
  const std::string_view* values_ = inline_;
  std::string_view inline_[kInline];
  std::vector<std::string_view> more_;  // where there are more than kInline
};

// All values of a header as one, joined by ','.
class JoinedValue {
 public:
  JoinedValue(const Request& request, std::string_view name);
  bool present() const { return present_; }
  std::string_view value() const { return value_; }

 private:
  bool present_ = false;
  std::string_view value_;
  std::optional<http::JoinedHeader> joined_;
};

// Adds what `match` needs to the pool.
absl::Status CompileString(const StringMatch& match, RegexPool* pool);
bool MatchString(const StringMatch& match, const RegexPool& pool, std::string_view value);
bool MatchHeader(const HeaderMatch& match, const RegexPool& pool, const Request& request);

// The rule's path matcher and conditions as they are tried. Borrows from the rule and the pool.
class CompiledRule {
 public:
  // Errors name the field below the rule: "match.headers[1].string_match: ...".
  // With `path_is_indexed` the path's regex is known to be good and not compiled.
  static std::vector<FieldError> Compile(const Rule& rule, bool path_is_indexed, RegexPool* pool,
                                         CompiledRule* out);

  bool MatchesPath(const Input& input) const;
  bool MatchesConditions(const Input& input, const RegexPool& pool) const;
  bool Matches(const Input& input, const RegexPool& pool) const {
    return MatchesPath(input) && MatchesConditions(input, pool);
  }
  // The first thing that fails, in words; "" where all hold.
  std::string WhyNot(const Input& input, const RegexPool& pool) const;

  const Rule& rule() const { return *rule_; }
  // Compiled only where the index cannot do without (kRegex, kTemplate); else null.
  const re2::RE2* path_regex() const { return path_regex_; }

 private:
  const Rule* rule_ = nullptr;
  const re2::RE2* path_regex_ = nullptr;  // kRegex, kTemplate
};

// CONNECT, or an upgrade to connect-udp.
bool IsConnect(const Request& request);
// A kRegex path as written, a kTemplate one as it is translated; "" where that is not possible.
std::string PathRegexText(const PathMatch& match);

bool MatchCondition(const Condition& condition, const RegexPool& pool, const Request& request);
// `header x-user: "bob" is not "jason"`.
std::string WhyConditionFails(const Condition& condition, const Request& request);

}  // namespace mesh::route

#endif  // MESH_ROUTE_CONDITIONS_H_
