#include "mesh/config/positions.h"

#include <algorithm>

namespace mesh::config {

void Positions::OpenKey(std::string_view key, bool key_lives_forever, Place place) {
  if (!key_lives_forever) key = copied_keys_.emplace_front(key);
  Open(key.data() == nullptr ? "" : key, 0, place);
}

void Positions::OpenIndex(uint32_t index, Place place) { Open(std::string_view(), index, place); }

void Positions::Open(std::string_view key, uint32_t index, Place place) {
  const uint32_t node = nodes_.size();
  nodes_.push_back(
      {key, index, static_cast<uint32_t>(place.line), static_cast<uint32_t>(place.column), open_});
  open_ = node;
}

void Positions::Close() {
  const uint32_t node = open_;
  const uint32_t end = nodes_.size();
  open_ = nodes_[node].end;
  nodes_[node].end = end;
  if (end - node <= kFew + 1) return;
  uint32_t children = 0;
  for (uint32_t i = node + 1; i < end; i = nodes_[i].end) ++children;
  if (children > kFew) IndexChildren(node, node + 1, end, children);
}

void Positions::IndexChildren(uint32_t parent, uint32_t begin, uint32_t end, uint32_t count) {
  const uint32_t first = wide_children_.size();
  for (uint32_t i = begin; i < end; i = nodes_[i].end) wide_children_.push_back(i);
  std::sort(wide_children_.begin() + first, wide_children_.end(), [this](uint32_t a, uint32_t b) {
    const Node& x = nodes_[a];
    const Node& y = nodes_[b];
    return x.key != y.key ? x.key < y.key : x.index != y.index ? x.index < y.index : a < b;
  });
  wide_[parent] = {first, count};
}

bool Positions::Is(const Node& node, const PathPart& part) {
  const bool is_index = node.key.data() == nullptr;
  return part.type == PathPart::kIndex ? is_index && node.index == part.index
                                       : !is_index && node.key == part.name;
}

const Positions::Node* Positions::Child(uint32_t parent, uint32_t begin, uint32_t end,
                                        const PathPart& part) const {
  const auto wide = wide_.empty() ? wide_.end() : wide_.find(parent);
  if (wide == wide_.end()) {
    for (uint32_t i = begin; i < end; i = nodes_[i].end) {
      if (Is(nodes_[i], part)) return &nodes_[i];
    }
    return nullptr;
  }
  const auto first = wide_children_.begin() + wide->second.begin;
  const auto last = first + wide->second.count;
  const auto at = std::lower_bound(first, last, part, [this](uint32_t i, const PathPart& wanted) {
    const Node& node = nodes_[i];
    return node.key != wanted.name ? node.key < wanted.name : node.index < wanted.index;
  });
  return at != last && Is(nodes_[*at], part) ? &nodes_[*at] : nullptr;
}

const Positions::Node* Positions::Walk(std::string_view path, bool* whole) const {
  const Node* found = nullptr;
  uint32_t parent = kRoot;
  uint32_t begin = 0;
  uint32_t end = nodes_.size();
  *whole = false;
  for (;;) {
    const PathPart part = TakePathPart(&path);
    if (part.type == PathPart::kEnd) {
      *whole = found != nullptr;
      return found;
    }
    const Node* match = Child(parent, begin, end, part);
    if (match == nullptr) return found;
    found = match;
    parent = match - nodes_.data();
    begin = parent + 1;
    end = match->end;
  }
}

Positions::Place Positions::Find(std::string_view path) const {
  bool whole = false;
  const Node* node = Walk(path, &whole);
  if (node == nullptr) return Place();
  return Place{static_cast<int>(node->line), static_cast<int>(node->column)};
}

bool Positions::Has(std::string_view path) const {
  bool whole = false;
  Walk(path, &whole);
  return whole;
}

bool operator==(const Positions& a, const Positions& b) {
  if (a.nodes_.size() != b.nodes_.size()) return false;
  for (size_t i = 0; i < a.nodes_.size(); ++i) {
    const Positions::Node& x = a.nodes_[i];
    const Positions::Node& y = b.nodes_[i];
    if (x.line != y.line || x.column != y.column || x.index != y.index || x.end != y.end ||
        (x.key.data() == nullptr) != (y.key.data() == nullptr) || x.key != y.key) {
      return false;
    }
  }
  return true;
}

}  // namespace mesh::config
