// One YAML document as a tree of little memory, for walking it more than once and in any order.
#ifndef MESH_CONFIG_YAML_TREE_H_
#define MESH_CONFIG_YAML_TREE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mesh/config/scalar.h"
#include "mesh/config/yaml_events.h"

namespace mesh::config {

struct YamlNode {
  enum class Type : uint8_t { kScalar, kSequence, kMapping, kAlias };
  enum class Style : uint8_t { kPlain, kString };  // kString: in quotes, a block, or tagged !!str
  Type type = Type::kScalar;
  Style style = Style::kPlain;
  int line = 0;
  int column = 0;
  uint32_t text = 0;  // of a scalar: where its text begins
  uint32_t size = 0;  // of a scalar: its length; else the number of children
  // Of an alias: its target. Else the first child; the children of a mapping are key, value, ...
  uint32_t first = 0;
  uint32_t next = 0;  // sibling; 0: none
};

// Nodes are named by number; 0 is no node. Copying is not cheap; reading is thread-safe.
class YamlTree {
 public:
  static constexpr int kMaxDepth = 100;

  // Takes the next document of `events`, in place of what it held. False: the stream has ended, or
  // `error` says why not. Fails at nesting beyond kMaxDepth, unknown anchors, an anchor inside
  // itself.
  bool Next(YamlEvents* events, YamlError* error);

  // The same for the one document of `bytes`, in a fraction of the time, where it is written as
  // configuration mostly is: blocks, in ASCII, with each string on one line and without escapes
  // (plain_yaml.cc). False: it is not, or there is something wrong with it; then nothing is said,
  // and the tree holds nothing of use. What is taken is taken as libyaml would.
  bool ReadPlain(std::string_view bytes, int first_line);

  // 0: the document is empty.
  uint32_t root() const { return root_; }
  // Of what the document holds; of its beginning where it is empty.
  int line() const { return root_ == 0 ? line_ : nodes_[root_].line; }
  // Follows an alias.
  const YamlNode& node(uint32_t id) const {
    const YamlNode& node = nodes_[id];
    return node.type == YamlNode::Type::kAlias ? nodes_[node.first] : node;
  }
  // The alias itself.
  const YamlNode& raw(uint32_t id) const { return nodes_[id]; }
  std::string_view text(const YamlNode& scalar) const {
    return std::string_view(text_).substr(scalar.text, scalar.size);
  }
  // What a scalar is; a string where it is quoted.
  Scalar Resolve(const YamlNode& scalar) const;
  bool IsNull(uint32_t id) const;
  size_t size() const { return nodes_.size(); }
  // Keys of all mappings and items of all lists.
  size_t fields() const { return items_ + (nodes_.size() - items_) / 2; }
  // Of all scalars.
  size_t text_size() const { return text_.size(); }

 private:
  std::vector<YamlNode> nodes_;
  std::string text_;
  size_t items_ = 0;  // of all lists
  uint32_t root_ = 0;
  int line_ = 0;
};

// "a list", "a mapping", "the boolean y", "the number 5", "the string \"x\"", "null": for messages.
std::string DescribeNode(const YamlTree& tree, uint32_t id);

}  // namespace mesh::config

#endif  // MESH_CONFIG_YAML_TREE_H_
