#include "mesh/route/exact_paths.h"

#include <cstring>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace mesh::route {
namespace {

uint64_t HashOf(std::string_view path) {
  return absl::Hash<absl::string_view>()(absl::string_view(path.data(), path.size()));
}

}  // namespace

void ExactPaths::Add(std::string_view path, const Answer& answer) {
  pending_.emplace_back(HashOf(path), static_cast<uint32_t>(records_.size() / kUnit));
  Header header;
  header.size_and_flags = static_cast<uint32_t>(path.size()) | (answer.only ? kOnly : 0) |
                          (answer.complete ? kComplete : 0);
  header.rule = answer.rule;
  header.id = answer.id;
  records_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  records_ += path;
  records_.resize((records_.size() + kUnit - 1) / kUnit * kUnit);
}

void ExactPaths::Finish() {
  records_.shrink_to_fit();
  size_t size = 4;
  while (size < pending_.size() * 2) size *= 2;
  slots_.assign(size, Slot());
  for (const auto& [hash, place] : pending_) {
    size_t at = hash & (size - 1);
    while (slots_[at].record != 0) at = (at + 1) & (size - 1);
    slots_[at] = {static_cast<uint32_t>(hash >> 32), place + 1};
  }
  pending_ = {};
}

bool ExactPaths::Find(std::string_view path, Answer* answer) const {
  const uint64_t hash = HashOf(path);
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask; slots_[at].record != 0; at = (at + 1) & mask) {
    if (slots_[at].tag != tag) continue;
    const char* record = records_.data() + (slots_[at].record - 1) * kUnit;
    Header header;
    std::memcpy(&header, record, sizeof(header));
    if ((header.size_and_flags & ~(kOnly | kComplete)) != path.size() ||
        std::memcmp(record + sizeof(header), path.data(), path.size()) != 0) {
      continue;
    }
    answer->only = (header.size_and_flags & kOnly) != 0;
    answer->complete = (header.size_and_flags & kComplete) != 0;
    answer->rule = header.rule;
    answer->id = header.id;
    return true;
  }
  return false;
}

}  // namespace mesh::route
