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
#include "mesh/route/marked_path.h"
#include "mesh/route/request.h"
#include "mesh/route/rule.h"
#include "mesh/route/table.h"
#include "re2/re2.h"

namespace mesh::route {

// The regexes of one virtual host, each compiled once, by who uses them: the address of the
// StringMatch or PathMatch that holds the pattern. These must stay where they are.
class RegexPool {
 public:
  RegexPool(int max_program_size, int64_t memory_bytes)
      : max_program_size_(max_program_size), memory_bytes_(memory_bytes) {}

  // RE2's words for what is wrong.
  absl::Status Add(const void* user, const std::string& pattern);
  // Null for one that was not added.
  const re2::RE2* Find(const void* user) const;

 private:
  const int max_program_size_;
  const int64_t memory_bytes_;
  absl::flat_hash_map<std::string, std::unique_ptr<re2::RE2>> regexes_;
  absl::flat_hash_map<const void*, const re2::RE2*> users_;
};

// The parts of a request that every rule looks at, made once.
struct Input {
  const Request& request;
  std::string_view path;  // without query and fragment, without parameters where they are ignored
  // The same with parameters: templates always see them.
  std::string_view whole_path;

  MESH_ROUTE_INLINE explicit Input(const Request& r)
      : request(r), path(PathOf(r.path)), whole_path(path) {}
  // Where its marks will be wanted: of r.path.
  MESH_ROUTE_INLINE Input(const Request& r, const MarkedPath& marks)
      : request(r), path(marks.text), whole_path(path), marked(&marks) {}
  // Null where it was not asked for.
  const MarkedPath* marked = nullptr;
  bool has_path() const { return whole_path.data() != nullptr; }
  // Takes the parameters out of `path`, which may then be a view of `bytes`.
  void CutParameters(absl::InlinedVector<char, 256>* bytes);
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

// Adds what the rule needs to the pool. Errors name the field below the rule:
// "match.headers[1].string_match: ...". With `path_is_indexed` the path's regex is known to be good
// and not compiled.
std::vector<FieldError> CompileRule(const Rule& rule, bool path_is_indexed, RegexPool* pool);

bool MatchesPath(const Rule& rule, const RegexPool& pool, const Input& input);
bool MatchesConditions(const Rule& rule, const RegexPool& pool, const Request& request);
// The first thing that fails, in words; "" where the rule accepts the request.
std::string WhyNot(const Rule& rule, const RegexPool& pool, const Input& input);

// CONNECT, or an upgrade to connect-udp.
bool IsConnect(const Request& request);
// A kRegex path as written, a kTemplate one as it is translated; "" where that is not possible.
std::string PathRegexText(const PathMatch& match);

bool MatchCondition(const Condition& condition, const RegexPool& pool, const Request& request);
// `header x-user: "bob" is not "jason"`.
std::string WhyConditionFails(const Condition& condition, const Request& request);

}  // namespace mesh::route

#endif  // MESH_ROUTE_CONDITIONS_H_
