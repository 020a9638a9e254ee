// What a mapping holds once merges (<<) are applied and keys given twice are found.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/config/message_reader.h"

namespace mesh::config {
namespace {

// More mappings than this in one merge are not meant.
constexpr size_t kMostMerges = 1000;

}  // namespace

// Entries in order, and by key once there are too many to try.
class EntrySet {
 public:
  explicit EntrySet(const YamlTree& tree) : tree_(tree) {}

  void Reserve(size_t n) { entries_.reserve(n); }
  void Add(std::string_view key, MessageReader::Entry entry) {
    if (entries_.size() >= kFew) {
      if (by_key_.empty()) {
        for (size_t i = 0; i < entries_.size(); ++i) by_key_.emplace(KeyOf(entries_[i]), i);
      }
      by_key_.emplace(key, entries_.size());
    }
    entries_.push_back(entry);
  }
  const MessageReader::Entry* Find(std::string_view key) const {
    if (!by_key_.empty()) {
      const auto at = by_key_.find(key);
      return at == by_key_.end() ? nullptr : &entries_[at->second];
    }
    for (const MessageReader::Entry& entry : entries_) {
      if (KeyOf(entry) == key) return &entry;
    }
    return nullptr;
  }
  MessageReader::EntryList Take() { return std::move(entries_); }

 private:
  static constexpr size_t kFew = 24;

  std::string_view KeyOf(const MessageReader::Entry& entry) const {
    return tree_.text(tree_.node(entry.key));
  }

  const YamlTree& tree_;
  MessageReader::EntryList entries_;
  absl::flat_hash_map<std::string_view, size_t> by_key_;
};

MessageReader::EntryList MessageReader::Entries(uint32_t mapping) {
  const YamlNode& node = tree_.node(mapping);
  if (!Spend(mapping, node.size / 2)) return {};
  EntrySet entries(tree_);
  entries.Reserve(node.size / 2);
  std::vector<uint32_t> merges;
  // A mapping may be walked more than once; what is wrong with a key is said once.
  const auto complain = [this](uint32_t key, std::string message) {
    if (bad_keys_.insert(key).second) Fail(key, std::move(message));
  };
  for (uint32_t key = node.first; key != 0;) {
    const uint32_t value = tree_.raw(key).next;
    const uint32_t next = tree_.raw(value).next;
    const YamlNode& key_node = tree_.node(key);
    if (key_node.type != YamlNode::Type::kScalar) {
      complain(key, absl::StrCat("a key is a string, this is ", DescribeNode(tree_, key)));
      key = next;
      continue;
    }
    const std::string_view text = tree_.text(key_node);
    if (text == "<<" && key_node.style == YamlNode::Style::kPlain) {
      merges.push_back(value);
    } else if (const Entry* first = entries.Find(text); first != nullptr) {
      complain(key, absl::StrCat("key \"", Absl(text.substr(0, 200)),
                                 "\" is given twice, first at line ", tree_.raw(first->key).line,
                                 "; keep one"));
    } else {
      entries.Add(text, {key, value});
    }
    key = next;
  }
  if (!merges.empty()) FollowMerges(std::move(merges), &entries);
  return entries.Take();
}

// What is written out beats what is merged, and an earlier merge, with what it merges itself, a
// later one.
void MessageReader::FollowMerges(std::vector<uint32_t> merges, EntrySet* entries) {
  for (size_t i = 0; i < merges.size(); ++i) {
    const uint32_t merge = merges[i];
    const YamlNode& from = tree_.node(merge);
    std::vector<uint32_t> nested;
    if (from.type == YamlNode::Type::kSequence) {
      for (uint32_t item = from.first; item != 0; item = tree_.raw(item).next) {
        nested.push_back(item);
        if (nested.size() > kMostMerges) break;
      }
    } else if (from.type == YamlNode::Type::kMapping) {
      for (uint32_t key = from.first; key != 0; key = tree_.raw(tree_.raw(key).next).next) {
        if (!Visit(key)) return;
        const YamlNode& key_node = tree_.node(key);
        if (key_node.type != YamlNode::Type::kScalar) continue;
        const std::string_view text = tree_.text(key_node);
        const uint32_t value = tree_.raw(key).next;
        if (text == "<<" && key_node.style == YamlNode::Style::kPlain) {
          nested.push_back(value);
        } else if (entries->Find(text) == nullptr) {
          entries->Add(text, {key, value});
        }
      }
    } else {
      Fail(merge, absl::StrCat("<< merges a mapping, this is ", DescribeNode(tree_, merge)));
    }
    if (merges.size() + nested.size() > kMostMerges) {
      Fail(merge, absl::StrCat("<< merges at most ", kMostMerges, " mappings"));
      return;
    }
    merges.insert(merges.begin() + i + 1, nested.begin(), nested.end());
  }
}

}  // namespace mesh::config
