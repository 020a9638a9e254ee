#include "mesh/route/regex_group.h"

#include <algorithm>

namespace mesh::route {
namespace {

// From as many regexes on they are asked together.
constexpr size_t kTogether = 8;

}  // namespace

RegexGroup::RegexGroup(std::vector<uint32_t> rules_of, const Rule* rules, const RegexPool& pool,
                       int64_t memory_bytes)
    : rules_(std::move(rules_of)) {
  if (rules_.size() < kTogether) return;
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(memory_bytes);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::ANCHOR_BOTH);
  for (const uint32_t rule : rules_) {
    const re2::RE2* regex = pool.Find(&rules[rule].path);
    if (regex == nullptr || set->Add(regex->pattern(), nullptr) < 0) return;
  }
  if (set->Compile()) set_ = std::move(set);
}

bool RegexGroup::FindIn(size_t skip, Search* search) const {
  const std::string_view path = search->input.path;
  std::vector<int> matches;
  re2::RE2::Set::ErrorInfo error;
  const bool any = set_->Match(re2::StringPiece(path.data(), path.size()), &matches, &error);
  if (!any && error.kind != re2::RE2::Set::kNoError) return false;
  std::sort(matches.begin(), matches.end());
  for (const int index : matches) {
    if (static_cast<size_t>(index) < skip) continue;
    const uint32_t rule = rules_[index];
    if (rule >= search->best) break;
    if (MatchesConditions(search->rules[rule], search->pool, search->input.request)) {
      search->best = rule;
      break;
    }
  }
  return true;
}

}  // namespace mesh::route
