#include "mesh/config/positions.h"

#include "mesh/config/field_path.h"

namespace mesh::config {

void Positions::OpenKey(std::string_view key, bool key_lives_forever, Place place) {
  if (!key_lives_forever) key = copied_keys_.emplace_back(key);
  if (key.data() == nullptr) key = "";
  open_.push_back(nodes_.size());
  nodes_.push_back({key, 0, static_cast<uint32_t>(place.line), static_cast<uint32_t>(place.column),
                    static_cast<uint32_t>(nodes_.size() + 1)});
}

void Positions::OpenIndex(uint32_t index, Place place) {
  open_.push_back(nodes_.size());
  nodes_.push_back({std::string_view(), index, static_cast<uint32_t>(place.line),
                    static_cast<uint32_t>(place.column), static_cast<uint32_t>(nodes_.size() + 1)});
}

void Positions::Close() {
  nodes_[open_.back()].end = nodes_.size();
  open_.pop_back();
}

const Positions::Node* Positions::Walk(std::string_view path, bool* whole) const {
  const Node* found = nullptr;
  uint32_t begin = 0;
  uint32_t end = nodes_.size();
  *whole = false;
  for (;;) {
    const PathPart part = TakePathPart(&path);
    if (part.type == PathPart::kEnd) {
      *whole = found != nullptr;
      return found;
    }
    const Node* match = nullptr;
    for (uint32_t i = begin; i < end; i = nodes_[i].end) {
      const Node& node = nodes_[i];
      const bool is_index = node.key.data() == nullptr;
      if (part.type == PathPart::kIndex ? is_index && node.index == part.index
                                        : !is_index && node.key == part.name) {
        match = &node;
        begin = i + 1;
        end = node.end;
        break;
      }
    }
    if (match == nullptr) return found;
    found = match;
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
