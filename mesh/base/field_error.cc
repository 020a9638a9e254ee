#include "mesh/base/field_error.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mesh {
namespace {

// Levenshtein's distance, without regard to case, two letters swapped being one edit.
size_t EditDistance(std::string_view a, std::string_view b) {
  const auto same = [&](size_t i, size_t j) {
    return absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
  };
  std::vector<size_t> two_before(b.size() + 1);
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    two_before = before;
    before = row;
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({before[j - 1] + (same(i, j) ? 0 : 1), before[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) {
        row[j] = std::min(row[j], two_before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string FieldError::ToString() const {
  std::string out = position.ToString();
  const char* separator = out.empty() ? "" : ": ";
  if (!object.empty()) {
    absl::StrAppend(&out, separator, object);
    separator = " ";
  }
  if (!field.empty()) absl::StrAppend(&out, separator, field);
  absl::StrAppend(&out, out.empty() ? "" : ": ", message);
  return out;
}

absl::Status ToStatus(const std::vector<FieldError>& errors) {
  if (errors.empty()) return absl::OkStatus();
  std::string text;
  for (const FieldError& e : errors) absl::StrAppend(&text, text.empty() ? "" : "\n", e.ToString());
  return absl::InvalidArgumentError(text);
}

std::string_view NearestName(std::string_view word,
                             const std::vector<std::string_view>& candidates) {
  std::string_view best;
  // A third of the word may be wrong, and at least one letter.
  size_t limit = std::max<size_t>(1, word.size() / 3);
  for (std::string_view candidate : candidates) {
    const size_t difference = candidate.size() > word.size() ? candidate.size() - word.size()
                                                             : word.size() - candidate.size();
    if (difference > limit) continue;
    const size_t distance = EditDistance(word, candidate);
    if (distance <= limit) {
      best = candidate;
      if (distance == 0) return best;
      limit = distance - 1;
    }
  }
  return best;
}

}  // namespace mesh
