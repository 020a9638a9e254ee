#include "mesh/route/action/regex.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "re2/re2.h"

namespace mesh::route::action {

struct Regex::State {
  explicit State(const std::string& pattern) : regex(pattern, re2::RE2::Quiet) {}
  re2::RE2 regex;
};

Regex::Regex(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Regex::~Regex() = default;

absl::StatusOr<std::shared_ptr<const Regex>> Regex::Compile(const std::string& pattern,
                                                            int max_program_size) {
  auto state = std::make_unique<const State>(pattern);
  if (!state->regex.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid regex \"", pattern, "\": ", state->regex.error()));
  }
  if (max_program_size > 0 && state->regex.ProgramSize() > max_program_size) {
    return absl::InvalidArgumentError(absl::StrCat("regex \"", pattern, "\": RE2 program size ",
                                                   state->regex.ProgramSize(), " is more than ",
                                                   max_program_size, "; make it shorter"));
  }
  return std::shared_ptr<const Regex>(new Regex(std::move(state)));
}

bool Regex::FullMatch(std::string_view text) const {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), state_->regex);
}

std::string Regex::ReplaceAll(std::string_view text, std::string_view substitution) const {
  std::string result(text);
  re2::RE2::GlobalReplace(&result, state_->regex,
                          re2::StringPiece(substitution.data(), substitution.size()));
  return result;
}

absl::Status Regex::CheckSubstitution(const std::string& substitution) const {
  std::string error;
  if (state_->regex.CheckRewriteString(substitution, &error)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("substitution \"", substitution, "\": ", error));
}

std::string Regex::Group(std::string_view text, const std::string& name) const {
  const auto& groups = state_->regex.NamedCapturingGroups();
  const auto found = groups.find(name);
  if (found == groups.end()) return "";
  std::vector<re2::StringPiece> matches(found->second + 1);
  const re2::StringPiece whole(text.data(), text.size());
  if (!state_->regex.Match(whole, 0, whole.size(), re2::RE2::ANCHOR_BOTH, matches.data(),
                           static_cast<int>(matches.size()))) {
    return "";
  }
  return std::string(matches[found->second].data(), matches[found->second].size());
}

const std::string& Regex::pattern() const { return state_->regex.pattern(); }

}  // namespace mesh::route::action
