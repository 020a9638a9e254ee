// A compiled regular expression behind a header that does not name RE2.
#ifndef MESH_ROUTE_ACTION_REGEX_H_
#define MESH_ROUTE_ACTION_REGEX_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mesh::route::action {

// Immutable, thread-safe.
class Regex {
 public:
  // InvalidArgument with RE2's words. `max_program_size` 0 is no bound.
  static absl::StatusOr<std::shared_ptr<const Regex>> Compile(const std::string& pattern,
                                                              int max_program_size = 0);
  ~Regex();

  bool FullMatch(std::string_view text) const;
  // Replaces every match; \0 to \9 in `substitution` are the groups.
  std::string ReplaceAll(std::string_view text, std::string_view substitution) const;
  // Whether ReplaceAll can use it; InvalidArgument names the group that does not exist.
  absl::Status CheckSubstitution(const std::string& substitution) const;
  // What the named group matched, where the whole text matches; "" otherwise.
  std::string Group(std::string_view text, const std::string& name) const;

  const std::string& pattern() const;

 private:
  struct State;
  explicit Regex(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_REGEX_H_
