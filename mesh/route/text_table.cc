#include "mesh/route/text_table.h"

namespace mesh::route {
void TextTable::Reserve(size_t texts, size_t bytes) {
  const size_t words = texts * kHead + WordsFor(bytes + 3 * texts);
  records_.reserve(words);
  Grow(texts, words);
}

void TextTable::Grow(size_t texts, size_t words) {
  slots_.Reset(texts, words);
  for (uint32_t record = 0; record < records_.size();) {
    const size_t size = records_[record];
    const char* text = reinterpret_cast<const char*>(&records_[record] + kHead);
    slots_.Insert(HashText(std::string_view(text, size)), record);
    record += kHead + WordsFor(size);
  }
}

bool TextTable::Add(std::string_view text, uint32_t number) {
  const uint64_t hash = HashText(text);
  if (!slots_.empty() && FindHashed(text, hash) != kNone) return false;
  const auto record = static_cast<uint32_t>(records_.size());
  const size_t words = record + kHead + WordsFor(text.size());
  if (!slots_.HasRoomFor(count_ + 1, words)) Grow(2 * count_ + 4, 2 * words);
  records_.resize(words);
  records_[record] = static_cast<uint32_t>(text.size());
  records_[record + 1] = number;
  if (!text.empty()) std::memcpy(&records_[record] + kHead, text.data(), text.size());
  slots_.Insert(hash, record);
  ++count_;
  longest_ = std::max(longest_, text.size());
  lengths_ |= uint64_t{1} << (text.size() & 63);
  return true;
}

void TextTable::Finish() {
  records_.shrink_to_fit();
  if (count_ > 0) Grow(count_, records_.size());
}

}  // namespace mesh::route
