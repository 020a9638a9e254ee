#include "mesh/route/text_table.h"

namespace mesh::route {
namespace {

size_t WordsFor(size_t bytes) { return (bytes + 3) / 4; }

}  // namespace

void TextTable::Reserve(size_t texts, size_t bytes) {
  records_.reserve(texts * kHead + WordsFor(bytes + 3 * texts));
  Grow(texts);
}

void TextTable::Insert(uint64_t hash, uint32_t record) {
  size_t at = PlaceOf(hash, slots_.size());
  while (slots_[at].at != 0) at = at + 1 == slots_.size() ? 0 : at + 1;
  slots_[at] = {TagOf(hash), record + 1};
}

void TextTable::Grow(size_t texts) {
  slots_.assign(SlotsFor(texts), HashSlot());
  for (uint32_t record = 0; record < records_.size();) {
    const size_t size = records_[record];
    const char* text = reinterpret_cast<const char*>(&records_[record] + kHead);
    Insert(HashText(std::string_view(text, size)), record);
    record += kHead + WordsFor(size);
  }
}

bool TextTable::Add(std::string_view text, uint32_t number) {
  const uint64_t hash = HashText(text);
  if (!slots_.empty() && FindHashed(text, hash) != kNone) return false;
  if (SlotsFor(count_ + 1) > slots_.size()) Grow(2 * count_ + 4);
  const auto record = static_cast<uint32_t>(records_.size());
  records_.resize(record + kHead + WordsFor(text.size()));
  records_[record] = static_cast<uint32_t>(text.size());
  records_[record + 1] = number;
  if (!text.empty()) std::memcpy(&records_[record] + kHead, text.data(), text.size());
  Insert(hash, record);
  ++count_;
  longest_ = std::max(longest_, text.size());
  lengths_ |= uint64_t{1} << (text.size() & 63);
  return true;
}

void TextTable::Finish() {
  records_.shrink_to_fit();
  if (SlotsFor(count_) < slots_.size()) Grow(count_);
  slots_.shrink_to_fit();
}

}  // namespace mesh::route
