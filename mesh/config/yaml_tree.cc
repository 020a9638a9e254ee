#include "mesh/config/yaml_tree.h"

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::config {
namespace {

// Builds one tree out of events. Open collections are on a stack with their last child, so that
// children are linked without looking for the end of the chain.
class Builder {
 public:
  Builder(std::vector<YamlNode>* nodes, std::string* text, size_t* items)
      : nodes_(*nodes), text_(*text), items_(*items) {
    nodes_.emplace_back();  // number 0 is no node
  }

  bool Add(const YamlEvent& event, YamlError* error) {
    switch (event.type) {
      case YamlEvent::Type::kScalar: {
        const uint32_t id = Append(event, YamlNode::Type::kScalar);
        YamlNode& node = nodes_[id];
        const bool other_tag = !event.tag.empty() &&
                               event.tag.substr(0, 18) == "tag:yaml.org,2002:" &&
                               event.tag != "tag:yaml.org,2002:str";
        node.style = (event.plain && event.tag.empty()) || other_tag ? YamlNode::Style::kPlain
                                                                     : YamlNode::Style::kString;
        node.text = text_.size();
        node.size = event.value.size();
        text_.append(event.value);
        Anchor(event, id);
        return true;
      }
      case YamlEvent::Type::kAlias: {
        const auto anchor = anchors_.find(std::string(event.value));
        if (anchor == anchors_.end()) {
          return Fail(event,
                      absl::StrCat("*", Absl(event.value), " has no anchor &", Absl(event.value),
                                   " before it in this document"),
                      error);
        }
        for (const Open& open : open_) {
          if (open.node == anchor->second) {
            return Fail(event,
                        absl::StrCat("*", Absl(event.value), " stands inside its own anchor"),
                        error);
          }
        }
        nodes_[Append(event, YamlNode::Type::kAlias)].first = anchor->second;
        return true;
      }
      case YamlEvent::Type::kSequenceStart:
      case YamlEvent::Type::kMappingStart: {
        if (open_.size() >= YamlTree::kMaxDepth) {
          return Fail(event, absl::StrCat("nested deeper than ", YamlTree::kMaxDepth), error);
        }
        const uint32_t id =
            Append(event, event.type == YamlEvent::Type::kMappingStart ? YamlNode::Type::kMapping
                                                                       : YamlNode::Type::kSequence);
        Anchor(event, id);
        open_.push_back({id, 0});
        return true;
      }
      case YamlEvent::Type::kSequenceEnd:
      case YamlEvent::Type::kMappingEnd:
        open_.pop_back();
        return true;
      default:
        return true;
    }
  }

 private:
  struct Open {
    uint32_t node;
    uint32_t last_child;
  };

  static bool Fail(const YamlEvent& event, std::string message, YamlError* error) {
    *error = YamlError{std::move(message), event.line, event.column};
    return false;
  }

  uint32_t Append(const YamlEvent& event, YamlNode::Type type) {
    const uint32_t id = nodes_.size();
    YamlNode& node = nodes_.emplace_back();
    node.type = type;
    node.line = event.line;
    node.column = event.column;
    if (!open_.empty()) {
      Open& open = open_.back();
      if (open.last_child == 0) {
        nodes_[open.node].first = id;
      } else {
        nodes_[open.last_child].next = id;
      }
      open.last_child = id;
      ++nodes_[open.node].size;
      items_ += nodes_[open.node].type == YamlNode::Type::kSequence ? 1 : 0;
    }
    return id;
  }

  void Anchor(const YamlEvent& event, uint32_t id) {
    if (!event.anchor.empty()) anchors_[std::string(event.anchor)] = id;
  }

  std::vector<YamlNode>& nodes_;
  std::string& text_;
  size_t& items_;
  absl::InlinedVector<Open, 24> open_;
  std::unordered_map<std::string, uint32_t> anchors_;
};

}  // namespace

bool YamlTree::Next(YamlEvents* events, YamlError* error) {
  nodes_.clear();
  text_.clear();
  items_ = 0;
  root_ = 0;
  Builder builder(&nodes_, &text_, &items_);
  YamlEvent event;
  while (events->Next(&event)) {
    if (event.type == YamlEvent::Type::kStreamEnd) return false;
    if (event.type == YamlEvent::Type::kDocumentStart) line_ = event.line;
    if (event.type == YamlEvent::Type::kDocumentEnd) {
      root_ = nodes_.size() > 1 ? 1 : 0;
      return true;
    }
    if (!builder.Add(event, error)) return false;
  }
  *error = events->error();
  return false;
}

Scalar YamlTree::Resolve(const YamlNode& scalar) const {
  return scalar.style == YamlNode::Style::kString ? Scalar() : ResolvePlain(text(scalar));
}

bool YamlTree::IsNull(uint32_t id) const {
  const YamlNode& n = node(id);
  return n.type == YamlNode::Type::kScalar && n.style == YamlNode::Style::kPlain && n.size <= 4 &&
         (n.size == 0 || text_[n.text] == '~' || (text_[n.text] | 0x20) == 'n') &&
         Resolve(n).type == Scalar::Type::kNull;
}

std::string DescribeNode(const YamlTree& tree, uint32_t id) {
  const YamlNode& node = tree.node(id);
  if (node.type == YamlNode::Type::kSequence) return "a list";
  if (node.type == YamlNode::Type::kMapping) return "a mapping";
  const std::string_view text = tree.text(node);
  switch (tree.Resolve(node).type) {
    case Scalar::Type::kNull:
      return "null";
    case Scalar::Type::kBool:
      return absl::StrCat("the boolean ", Absl(text));
    case Scalar::Type::kInteger:
    case Scalar::Type::kFloat:
      return absl::StrCat("the number ", Absl(text));
    case Scalar::Type::kString:
      break;
  }
  std::string_view shown = text.substr(0, 60);
  if (shown.size() < text.size()) {
    // Not in the middle of a character.
    while (!shown.empty() && (text[shown.size()] & 0xC0) == 0x80) shown.remove_suffix(1);
  }
  return absl::StrCat("the string \"", Absl(shown), shown.size() < text.size() ? "..." : "", "\"");
}

}  // namespace mesh::config
