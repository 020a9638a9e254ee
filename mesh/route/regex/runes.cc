#include "mesh/route/regex/runes.h"

#include <algorithm>

namespace mesh::route::regex {

int DecodeRune(std::string_view bytes, uint32_t* rune) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) {
    *rune = lead;
    return 1;
  }
  int length = 0;
  uint32_t value = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    value = lead & 0x0F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    value = lead & 0x07;
  } else {
    return 0;
  }
  if (bytes.size() < static_cast<size_t>(length)) return 0;
  for (int i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    value = value << 6 | (at(i) & 0x3F);
  }
  if ((length == 3 && value < 0x800) || (length == 4 && value < 0x10000)) return 0;
  if (value > kMaxRune || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *rune = value;
  return length;
}

void AppendRune(uint32_t rune, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0 | rune >> 6);
    put(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    put(0xE0 | rune >> 12);
    put(0x80 | (rune >> 6 & 0x3F));
    put(0x80 | (rune & 0x3F));
  } else {
    put(0xF0 | rune >> 18);
    put(0x80 | (rune >> 12 & 0x3F));
    put(0x80 | (rune >> 6 & 0x3F));
    put(0x80 | (rune & 0x3F));
  }
}

void RuneSet::AddAll(const RuneSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
}

std::vector<RuneRange> RuneSet::Normalized() const {
  std::vector<RuneRange> sorted = ranges_;
  std::sort(sorted.begin(), sorted.end(),
            [](const RuneRange& a, const RuneRange& b) { return a.first < b.first; });
  std::vector<RuneRange> out;
  for (const RuneRange& range : sorted) {
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

void RuneSet::Negate() {
  std::vector<RuneRange> out;
  uint32_t next = 0;
  for (const RuneRange& range : Normalized()) {
    if (range.first > next) out.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kMaxRune) out.push_back({next, kMaxRune});
  ranges_ = std::move(out);
}

void AppendByteSequences(RuneRange range, std::vector<ByteSequence>* out) {
  const auto [first, last] = range;
  if (first == 0x80 && last == kMaxRune) {
    const ByteSequence::Range tail{0x80, 0xBF};
    out->push_back({2, {{0xC2, 0xDF}, tail}});
    out->push_back({3, {{0xE0, 0xEF}, tail, tail}});
    out->push_back({4, {{0xF0, 0xF4}, tail, tail, tail}});
    return;
  }
  // Split where the length changes.
  for (uint32_t longest : {0x7Fu, 0x7FFu, 0xFFFFu}) {
    if (first <= longest && longest < last) {
      AppendByteSequences({first, longest}, out);
      AppendByteSequences({longest + 1, last}, out);
      return;
    }
  }
  if (last >= 0x80) {
    // Split until all but the last differing bytes are the same and the others run fully.
    for (int i = 1; i < 4; ++i) {
      const uint32_t mask = (1u << (6 * i)) - 1;
      if ((first & ~mask) == (last & ~mask)) continue;
      if ((first & mask) != 0) {
        AppendByteSequences({first, first | mask}, out);
        AppendByteSequences({(first | mask) + 1, last}, out);
        return;
      }
      if ((last & mask) != mask) {
        AppendByteSequences({first, (last & ~mask) - 1}, out);
        AppendByteSequences({last & ~mask, last}, out);
        return;
      }
    }
  }
  std::string low, high;
  AppendRune(first, &low);
  AppendRune(last, &high);
  ByteSequence sequence;
  sequence.length = static_cast<int>(low.size());
  for (size_t i = 0; i < low.size(); ++i) {
    sequence.ranges[i] = {static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i])};
  }
  out->push_back(sequence);
}

}  // namespace mesh::route::regex
