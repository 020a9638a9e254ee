#include "mesh/config/surrogates.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::config {
namespace {

constexpr size_t kEscape = 6;  // bytes of \ud83d
constexpr size_t kPair = 2 * kEscape;

bool IsFirst(int half) { return half >= 0xD800 && half < 0xDC00; }
bool IsSecond(int half) { return half >= 0xDC00 && half < 0xE000; }

void AppendUtf8(uint32_t character, std::string* out) {
  out->push_back(static_cast<char>(0xF0 | character >> 18));
  out->push_back(static_cast<char>(0x80 | (character >> 12 & 0x3F)));
  out->push_back(static_cast<char>(0x80 | (character >> 6 & 0x3F)));
  out->push_back(static_cast<char>(0x80 | (character & 0x3F)));
}

}  // namespace

int SurrogatePairs::HalfAt(std::string_view yaml, size_t offset) {
  if (offset + kEscape > yaml.size() || yaml[offset] != '\\' || yaml[offset + 1] != 'u') return -1;
  int half = 0;
  for (size_t i = 2; i < kEscape; ++i) {
    const auto c = static_cast<unsigned char>(yaml[offset + i]);
    if (!absl::ascii_isxdigit(c)) return -1;
    half = half * 16 + (c <= '9' ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
  }
  return IsFirst(half) || IsSecond(half) ? half : -1;
}

SurrogatePairs::SurrogatePairs(std::string_view yaml) : yaml_(yaml) {
  for (size_t at = yaml.find('\\'); at != yaml.npos; at = yaml.find('\\', at)) {
    const int first = HalfAt(yaml, at);
    const int second = IsFirst(first) ? HalfAt(yaml, at + kEscape) : -1;
    if (IsSecond(second)) {
      pairs_.push_back({at, 0x10000u + (first - 0xD800) * 0x400u + (second - 0xDC00)});
      at += kPair;
    } else {
      at += 2;  // a backslash behind a backslash escapes nothing
    }
  }
  if (pairs_.empty()) return;
  // One of the 32 code points from U+FDD0 that will never be characters, and that the text has
  // neither as it is nor as an escape.
  const std::string lower = absl::AsciiStrToLower(Absl(yaml));
  for (int code = 0xFDD0; code < 0xFDF0; ++code) {
    const std::string digits = absl::StrCat(absl::Hex(code));
    const std::string bytes = {static_cast<char>(0xE0 | code >> 12),
                               static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                               static_cast<char>(0x80 | (code & 0x3F))};
    if (lower.find(digits) != lower.npos || yaml.find(bytes) != yaml.npos) continue;
    cover_ = absl::StrCat("\\u", digits, "\\u", digits);
    decoded_ = bytes + bytes;
    break;
  }
  if (cover_.empty()) {
    pairs_.clear();
    return;
  }
  covered_ = yaml;
  for (const Pair& pair : pairs_) covered_.replace(pair.offset, kPair, cover_);
}

std::string_view SurrogatePairs::Restore(std::string_view value, size_t offset) {
  if (pairs_.empty()) return value;
  auto pair = std::lower_bound(pairs_.begin(), pairs_.end(), offset,
                               [](const Pair& p, size_t o) { return p.offset < o; });
  restored_.clear();
  size_t done = 0;
  size_t escape = value.find(decoded_);  // the next ones
  size_t text = value.find(cover_);
  for (; pair != pairs_.end() && std::min(escape, text) != value.npos; ++pair) {
    restored_.append(value.substr(done, std::min(escape, text) - done));
    if (escape < text) {
      AppendUtf8(pair->character, &restored_);
      done = escape + decoded_.size();
      escape = value.find(decoded_, done);
    } else {
      restored_.append(yaml_.substr(pair->offset, kPair));
      done = text + cover_.size();
      text = value.find(cover_, done);
    }
  }
  if (done == 0) return value;
  restored_.append(value.substr(done));
  return restored_;
}

}  // namespace mesh::config
