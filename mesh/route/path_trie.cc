// The invariants:
// 1. A node stands for one sequence of literals and runs. All patterns in the trie are
//    deterministic, so a path reaches a node at one place at most, and a walk visits it once.
// 2. A node's list is ascending; so is every group of regexes. `first_rule` is the least rule at or
//    below a node, so that a walk leaves what cannot beat the rule it has.
// 3. What stands in a list is exact for its place (see Entry::Kind), so that only the conditions
//    are left to ask, except for regexes, which hang where their literal prefix ends.
#include "mesh/route/path_trie.h"

#include <algorithm>
#include <cstring>

#include "mesh/http/host.h"

namespace mesh::route {
namespace {

re2::StringPiece Piece(std::string_view text) { return re2::StringPiece(text.data(), text.size()); }

// From as many regexes on they are asked together.
constexpr size_t kTogether = 8;

}  // namespace

RegexGroup::RegexGroup(std::vector<uint32_t> rules_of, const std::vector<CompiledRule>& rules,
                       int64_t memory_bytes)
    : rules_(std::move(rules_of)) {
  if (rules_.size() < kTogether) return;
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(memory_bytes);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::ANCHOR_BOTH);
  for (const uint32_t rule : rules_) {
    const re2::RE2* regex = rules[rule].path_regex();
    if (regex == nullptr || set->Add(regex->pattern(), nullptr) < 0) return;
  }
  if (set->Compile()) set_ = std::move(set);
}

void RegexGroup::FindIn(std::string_view path, Search* search) const {
  if (rules_[0] >= search->best) return;
  if (set_ != nullptr) {
    std::vector<int> matches;
    re2::RE2::Set::ErrorInfo error;
    const bool any = set_->Match(Piece(path), &matches, &error);
    if (any || error.kind == re2::RE2::Set::kNoError) {
      std::sort(matches.begin(), matches.end());
      for (const int index : matches) {
        const uint32_t rule = rules_[index];
        if (rule >= search->best) return;
        if (search->rules[rule].MatchesConditions(search->input, search->pool)) {
          search->best = rule;
          return;
        }
      }
      return;
    }
  }
  for (const uint32_t rule : rules_) {
    if (rule >= search->best) return;
    if (search->rules[rule].Matches(search->input, search->pool)) {
      search->best = rule;
      return;
    }
  }
}

bool PathTrie::LabelMatches(const Node& node, std::string_view path, size_t at) const {
  if (path.size() - at < node.label_size) return false;
  const char* label = labels_.data() + node.label;
  if (!ignore_case_) return std::memcmp(path.data() + at, label, node.label_size) == 0;
  for (uint32_t i = 0; i < node.label_size; ++i) {
    if (http::LowerCase(path[at + i]) != label[i]) return false;
  }
  return true;
}

const uint32_t* PathTrie::ChildOf(const Node& node, unsigned char byte) const {
  const unsigned char* bytes = child_bytes_.data() + node.children;
  if (node.child_count <= 8) {
    for (uint16_t i = 0; i < node.child_count; ++i) {
      if (bytes[i] == byte) return &child_nodes_[node.children + i];
    }
    return nullptr;
  }
  const void* found = std::memchr(bytes, byte, node.child_count);
  if (found == nullptr) return nullptr;
  return &child_nodes_[node.children + (static_cast<const unsigned char*>(found) - bytes)];
}

size_t PathTrie::EndOf(const Run& run, std::string_view path, size_t at, bool plain) const {
  size_t end;
  if (plain && run.shape != Run::Shape::kSet) {
    end = path.size();
    if (run.shape == Run::Shape::kSegment) {
      const void* slash = std::memchr(path.data() + at, '/', path.size() - at);
      if (slash != nullptr) end = static_cast<const char*>(slash) - path.data();
    }
  } else {
    const regex::ByteSet& set = sets_[run.set];
    end = at;
    while (end < path.size() && set.Has(static_cast<unsigned char>(path[end]))) ++end;
    if (set.has_non_ascii() && !regex::IsRuneSequence(path.substr(at, end - at))) return kNoEnd;
  }
  const size_t size = end - at;
  if (size < run.min || (run.max != regex::TemplatePart::kUnbounded && size > run.max)) {
    return kNoEnd;
  }
  return end;
}

void PathTrie::Walk(uint32_t index, std::string_view path, size_t at, const RuleLists& lists,
                    Search* search) const {
  while (true) {
    const Node& node = nodes_[index];
    if (node.first_rule >= search->best || !LabelMatches(node, path, at)) return;
    at += node.label_size;
    if (node.list != RuleLists::kNoList) lists.FindIn(node.list, path, at, search);
    if (node.regexes != UINT32_MAX) regexes_[node.regexes]->FindIn(path, search);
    for (uint16_t i = 0; i < node.run_count; ++i) {
      const Run& run = runs_[node.runs + i];
      if (run.first_rule >= search->best) continue;
      const size_t end = EndOf(run, path, at, search->PlainPath());
      if (end != kNoEnd) Walk(run.node, path, end, lists, search);
    }
    if (at == path.size() || node.child_count == 0) return;
    unsigned char byte = static_cast<unsigned char>(path[at]);
    if (ignore_case_) byte = static_cast<unsigned char>(http::LowerCase(path[at]));
    const uint32_t* child = ChildOf(node, byte);
    if (child == nullptr) return;
    index = *child;
  }
}

bool PathTrie::Gather(uint32_t index, std::string_view path, size_t at, const RuleLists& lists,
                      size_t limit, std::vector<Entry>* entries) const {
  while (true) {
    const Node& node = nodes_[index];
    if (!LabelMatches(node, path, at)) return true;
    at += node.label_size;
    if (node.regexes != UINT32_MAX) return false;
    if (node.list != RuleLists::kNoList) {
      const absl::Span<const Entry> list = lists.entries(node.list);
      // A grouped list shows no entries: it is too long anyway.
      if (list.empty()) return false;
      for (const Entry entry : list) {
        const bool end = at == path.size();
        if (entry.kind() == Entry::Kind::kAnything || end ||
            (entry.kind() == Entry::Kind::kSeparated && path[at] == '/')) {
          entries->push_back(entry);
        }
        if (entries->size() > limit) return false;
      }
    }
    for (uint16_t i = 0; i < node.run_count; ++i) {
      const size_t end = EndOf(runs_[node.runs + i], path, at, false);
      if (end != kNoEnd && !Gather(runs_[node.runs + i].node, path, end, lists, limit, entries)) {
        return false;
      }
    }
    if (at == path.size() || node.child_count == 0) return true;
    unsigned char byte = static_cast<unsigned char>(path[at]);
    if (ignore_case_) byte = static_cast<unsigned char>(http::LowerCase(path[at]));
    const uint32_t* child = ChildOf(node, byte);
    if (child == nullptr) return true;
    index = *child;
  }
}

bool PathTrie::Collect(std::string_view path, const RuleLists& lists, size_t limit,
                       std::vector<Entry>* entries) const {
  return nodes_.empty() || Gather(0, path, 0, lists, limit, entries);
}

size_t PathTrie::memory_bytes() const {
  return nodes_.capacity() * sizeof(Node) + labels_.capacity() + child_bytes_.capacity() +
         child_nodes_.capacity() * sizeof(uint32_t) + runs_.capacity() * sizeof(Run) +
         sets_.capacity() * sizeof(regex::ByteSet);
}

// ---- Building

struct PathTrieBuilder::Run {
  regex::ByteSet bytes;
  uint32_t min;
  uint32_t max;
  Node* node;
};

struct PathTrieBuilder::Node {
  std::string label;
  std::vector<Entry> entries;
  std::vector<uint32_t> regexes;
  std::vector<Run> runs;
  std::vector<Node*> children;  // by the first byte of their labels, ascending
  // An unconditional rule takes all that comes by here, or all that ends here: nothing added later
  // can.
  bool closed = false;
  bool end_closed = false;
};

PathTrieBuilder::PathTrieBuilder(bool ignore_case) : ignore_case_(ignore_case), root_(NewNode()) {}
PathTrieBuilder::~PathTrieBuilder() = default;

PathTrieBuilder::Node* PathTrieBuilder::NewNode() {
  nodes_.push_back(std::make_unique<Node>());
  return nodes_.back().get();
}

PathTrieBuilder::Node* PathTrieBuilder::Descend(Node* node, std::string_view rest, bool* hidden) {
  while (true) {
    if (node->closed) {
      *hidden = true;
      return node;
    }
    if (rest.empty()) return node;
    const auto byte = static_cast<unsigned char>(rest[0]);
    const auto at = std::lower_bound(node->children.begin(), node->children.end(), byte,
                                     [](const Node* child, unsigned char b) {
                                       return static_cast<unsigned char>(child->label[0]) < b;
                                     });
    if (at == node->children.end() || static_cast<unsigned char>((*at)->label[0]) != byte) {
      Node* leaf = NewNode();
      leaf->label = std::string(rest);
      node->children.insert(at, leaf);
      return leaf;
    }
    Node* child = *at;
    size_t common = 1;
    const size_t most = std::min(child->label.size(), rest.size());
    while (common < most && child->label[common] == rest[common]) ++common;
    if (common < child->label.size()) {
      // The child's label is cut in two; what it had hangs at the second half.
      Node* upper = NewNode();
      upper->label = child->label.substr(0, common);
      child->label.erase(0, common);
      upper->children.push_back(child);
      *at = upper;
      child = upper;
    }
    node = child;
    rest.remove_prefix(common);
  }
}

void PathTrieBuilder::Add(std::string_view literal, Entry::Kind kind, uint32_t rule,
                          bool unconditional) {
  used_ = true;
  const std::string text = ignore_case_ ? http::LowerCase(literal) : std::string(literal);
  bool hidden = false;
  Node* node = Descend(root_, text, &hidden);
  if (hidden || (node->end_closed && kind == Entry::Kind::kEnd)) return;
  if (kind == Entry::Kind::kAsk) {
    node->regexes.push_back(rule);
    return;
  }
  node->entries.emplace_back(rule, kind, unconditional);
  if (!unconditional) return;
  if (kind == Entry::Kind::kAnything) node->closed = true;
  node->end_closed = true;
}

void PathTrieBuilder::Add(const regex::Template& pattern, uint32_t rule, bool unconditional) {
  used_ = true;
  bool hidden = false;
  Node* node = root_;
  for (const regex::TemplatePart& part : pattern.parts) {
    if (part.kind == regex::TemplatePart::Kind::kLiteral) {
      node = Descend(node, part.literal, &hidden);
    } else {
      hidden = node->closed;
      if (hidden) return;
      auto run = std::find_if(node->runs.begin(), node->runs.end(), [&](const Run& one) {
        return one.bytes == part.bytes && one.min == part.min && one.max == part.max;
      });
      if (run == node->runs.end()) {
        node->runs.push_back({part.bytes, part.min, part.max, NewNode()});
        run = node->runs.end() - 1;
      }
      node = run->node;
    }
    if (hidden) return;
  }
  if (node->closed || node->end_closed) return;
  node->entries.emplace_back(rule, Entry::Kind::kEnd, unconditional);
  node->end_closed = unconditional;
}

PathTrie PathTrieBuilder::Build(const std::vector<CompiledRule>& rules, int64_t regex_memory_bytes,
                                RuleLists* lists) {
  PathTrie trie;
  trie.ignore_case_ = ignore_case_;
  if (!used_) return trie;
  trie.nodes_.reserve(nodes_.size());
  // Depth first, so that what is visited together lies together. Parents come before their
  // children.
  std::vector<std::pair<const Node*, uint32_t*>> todo;
  // Where a child's number is to be written: these two do not grow any more once they are filled.
  size_t children = 0, runs = 0;
  for (const auto& node : nodes_) {
    children += node->children.size();
    runs += node->runs.size();
  }
  trie.child_nodes_.reserve(children);
  trie.child_bytes_.reserve(children);
  trie.runs_.reserve(runs);
  uint32_t root = 0;
  todo.emplace_back(root_, &root);
  while (!todo.empty()) {
    const auto [node, number] = todo.back();
    todo.pop_back();
    *number = static_cast<uint32_t>(trie.nodes_.size());
    PathTrie::Node frozen;
    frozen.label = static_cast<uint32_t>(trie.labels_.size());
    frozen.label_size = static_cast<uint32_t>(node->label.size());
    trie.labels_ += node->label;
    if (!node->entries.empty()) {
      frozen.list = lists->Add(node->entries, rules);
      frozen.first_rule = node->entries[0].rule();
    }
    if (!node->regexes.empty()) {
      frozen.regexes = static_cast<uint32_t>(trie.regexes_.size());
      frozen.first_rule = std::min(frozen.first_rule, node->regexes[0]);
      trie.regexes_.push_back(
          std::make_unique<RegexGroup>(node->regexes, rules, regex_memory_bytes));
    }
    frozen.runs = static_cast<uint32_t>(trie.runs_.size());
    frozen.run_count = static_cast<uint16_t>(node->runs.size());
    for (const Run& run : node->runs)
      trie.runs_.push_back(trie.FreezeRun(run.bytes, run.min, run.max));
    frozen.children = static_cast<uint32_t>(trie.child_nodes_.size());
    frozen.child_count = static_cast<uint16_t>(node->children.size());
    for (const Node* child : node->children) {
      trie.child_bytes_.push_back(static_cast<unsigned char>(child->label[0]));
      trie.child_nodes_.push_back(0);
    }
    for (size_t i = node->children.size(); i > 0; --i) {
      todo.emplace_back(node->children[i - 1], &trie.child_nodes_[frozen.children + i - 1]);
    }
    for (size_t i = node->runs.size(); i > 0; --i) {
      todo.emplace_back(node->runs[i - 1].node, &trie.runs_[frozen.runs + i - 1].node);
    }
    trie.nodes_.push_back(frozen);
  }
  for (size_t i = trie.nodes_.size(); i > 0; --i) {
    PathTrie::Node& node = trie.nodes_[i - 1];
    for (uint32_t j = 0; j < node.child_count; ++j) {
      node.first_rule =
          std::min(node.first_rule, trie.nodes_[trie.child_nodes_[node.children + j]].first_rule);
    }
    for (uint32_t j = 0; j < node.run_count; ++j) {
      PathTrie::Run& run = trie.runs_[node.runs + j];
      run.first_rule = trie.nodes_[run.node].first_rule;
      node.first_rule = std::min(node.first_rule, run.first_rule);
    }
  }
  return trie;
}

PathTrie::Run PathTrie::FreezeRun(const regex::ByteSet& bytes, uint32_t min, uint32_t max) {
  Run run;
  run.min = min;
  run.max = max;
  run.set = static_cast<uint32_t>(std::find(sets_.begin(), sets_.end(), bytes) - sets_.begin());
  if (run.set == sets_.size()) sets_.push_back(bytes);
  // What the set says of visible ASCII decides how a plain path is scanned.
  bool all = true, all_but_slash = !bytes.Has('/');
  for (int byte = 0x21; byte < 0x7f; ++byte) {
    if (bytes.Has(static_cast<uint8_t>(byte))) continue;
    all = false;
    if (byte != '/') all_but_slash = false;
  }
  if (all) run.shape = Run::Shape::kAll;
  if (all_but_slash) run.shape = Run::Shape::kSegment;
  return run;
}

}  // namespace mesh::route
