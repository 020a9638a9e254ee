#include "mesh/http/headers.h"

#include <algorithm>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "mesh/base/strings.h"

namespace mesh::http {
namespace {

std::string Lower(std::string_view name) { return absl::AsciiStrToLower(Absl(name)); }

}  // namespace

HeaderList::HeaderList(std::initializer_list<std::pair<std::string, std::string>> entries) {
  for (const auto& [name, value] : entries) Add(name, value);
}

size_t HeaderList::Find(std::string_view name, std::string_view* values, size_t capacity) const {
  size_t count = 0;
  for (const auto& [key, value] : entries_) {
    if (key != name) continue;
    if (count < capacity) values[count] = value;
    ++count;
  }
  return count;
}

void HeaderList::Add(std::string_view name, std::string_view value) {
  entries_.emplace_back(Lower(name), std::string(value));
}

void HeaderList::Set(std::string_view name, std::string_view value) {
  const std::string key = Lower(name);
  const auto same = [&](const auto& entry) { return entry.first == key; };
  const auto first = std::find_if(entries_.begin(), entries_.end(), same);
  if (first == entries_.end()) {
    entries_.emplace_back(key, std::string(value));
    return;
  }
  first->second = std::string(value);
  entries_.erase(std::remove_if(first + 1, entries_.end(), same), entries_.end());
}

void HeaderList::Remove(std::string_view name) {
  const std::string key = Lower(name);
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                [&](const auto& entry) { return entry.first == key; }),
                 entries_.end());
}

JoinedHeader::JoinedHeader(const Headers& headers, std::string_view name) {
  std::string_view first[kValues];
  const size_t count = headers.Find(name, first, kValues);
  present_ = count > 0;
  if (count <= 1) {
    value_ = count == 1 ? first[0] : std::string_view();
    return;
  }
  const std::string_view* values = first;
  absl::InlinedVector<std::string_view, 1> all;
  if (count > kValues) {
    all.resize(count);
    headers.Find(name, all.data(), count);
    values = all.data();
  }
  size_t length = count - 1;
  for (size_t i = 0; i < count; ++i) length += values[i].size();
  char* out = scratch_;
  if (length > kScratch) {
    overflow_.resize(length);
    out = overflow_.data();
  }
  char* at = out;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) *at++ = ',';
    std::memcpy(at, values[i].data(), values[i].size());
    at += values[i].size();
  }
  value_ = std::string_view(out, length);
}

}  // namespace mesh::http
