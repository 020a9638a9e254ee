#include "mesh/route/path_trie_builder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::route {
namespace {

constexpr uint32_t kRootNode = 1;
// Words left free so that what follows is in one cache line.
constexpr uint32_t kMostGap = 4;

}  // namespace

PathTrieBuilder::PathTrieBuilder() {
  nodes_.resize(1);
  NewNode(0, 0, 0);
}

uint32_t PathTrieBuilder::NewNode(uint32_t parent, uint32_t label, uint32_t label_size) {
  nodes_.emplace_back();
  nodes_.back().parent = parent;
  nodes_.back().label = label;
  nodes_.back().label_size = label_size;
  return static_cast<uint32_t>(nodes_.size() - 1);
}

uint32_t PathTrieBuilder::Append(std::string_view text) {
  const auto at = static_cast<uint32_t>(text_.size());
  text_ += text;
  return at;
}

uint32_t PathTrieBuilder::Piece(uint32_t node, std::string_view piece) {
  uint32_t& first = pieces_[PathTrie::HashPiece(node, piece)];
  for (uint32_t child = first; child != 0; child = nodes_[child].same_hash) {
    if (nodes_[child].parent == node && LabelOf(nodes_[child]) == piece) return child;
  }
  const uint32_t child = NewNode(node, Append(piece), static_cast<uint32_t>(piece.size()));
  nodes_[child].same_hash = first;
  first = child;
  Node& parent = nodes_[node];
  nodes_[child].next_piece = parent.first_piece;
  parent.first_piece = child;
  ++parent.piece_count;
  return child;
}

bool PathTrieBuilder::Hides(uint32_t node, std::string_view literal) const {
  while (true) {
    const Node& here = nodes_[node];
    if (here.closed) return true;
    uint32_t next = 0;
    for (const uint32_t child : here.by_byte) {
      const std::string_view label = LabelOf(nodes_[child]);
      if (literal.substr(0, label.size()) == label) next = child;
    }
    if (next == 0) return false;
    literal.remove_prefix(nodes_[next].label_size);
    node = next;
  }
}

bool PathTrieBuilder::Spell(std::string_view rest, uint32_t* node) {
  while (!rest.empty()) {
    if (nodes_[*node].closed) return false;
    const std::vector<uint32_t>& children = nodes_[*node].by_byte;
    const auto first_byte = [&](uint32_t child) {
      return static_cast<unsigned char>(text_[nodes_[child].label]);
    };
    const auto byte = static_cast<unsigned char>(rest[0]);
    const size_t at =
        std::lower_bound(children.begin(), children.end(), byte,
                         [&](uint32_t c, unsigned char b) { return first_byte(c) < b; }) -
        children.begin();
    if (at == children.size() || first_byte(children[at]) != byte) {
      const uint32_t leaf = NewNode(*node, Append(rest), static_cast<uint32_t>(rest.size()));
      nodes_[*node].by_byte.insert(nodes_[*node].by_byte.begin() + at, leaf);
      *node = leaf;
      return true;
    }
    uint32_t child = children[at];
    const std::string_view label = LabelOf(nodes_[child]);
    size_t common = 1;
    const size_t most = std::min(label.size(), rest.size());
    while (common < most && label[common] == rest[common]) ++common;
    if (common < label.size()) {
      // The child's label is cut in two; what it had hangs at the second half.
      const uint32_t upper = NewNode(*node, nodes_[child].label, static_cast<uint32_t>(common));
      nodes_[child].label += static_cast<uint32_t>(common);
      nodes_[child].label_size -= static_cast<uint32_t>(common);
      nodes_[child].parent = upper;
      nodes_[upper].by_byte.push_back(child);
      nodes_[*node].by_byte[at] = upper;
      child = upper;
    }
    *node = child;
    rest.remove_prefix(common);
  }
  return !nodes_[*node].closed;
}

bool PathTrieBuilder::Descend(std::string_view rest, bool ends, uint32_t* node) {
  while (!rest.empty()) {
    if (nodes_[*node].closed) return false;
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos && !ends) return Spell(rest, node);
    const std::string_view piece = rest.substr(0, slash == rest.npos ? slash : slash + 1);
    if (!nodes_[*node].by_byte.empty() && Hides(*node, piece)) return false;
    *node = Piece(*node, piece);
    rest.remove_prefix(piece.size());
  }
  return !nodes_[*node].closed;
}

void PathTrieBuilder::Add(std::string_view literal, Entry::Kind kind, uint32_t rule,
                          bool unconditional) {
  used_ = true;
  if (kind == Entry::Kind::kSeparated && !literal.empty() && literal.back() != '/') {
    Add(literal, Entry::Kind::kEnd, rule, unconditional);
    return Add(absl::StrCat(Absl(literal), "/"), Entry::Kind::kAnything, rule, unconditional);
  }
  uint32_t at = kRootNode;
  if (!Descend(literal, kind == Entry::Kind::kEnd, &at)) return;
  Node& node = nodes_[at];
  if (node.end_closed && kind == Entry::Kind::kEnd) return;
  if (kind == Entry::Kind::kAsk) {
    node.regexes.push_back(rule);
    return;
  }
  node.entries.emplace_back(rule, kind, unconditional);
  if (!unconditional) return;
  if (kind == Entry::Kind::kAnything) node.closed = true;
  node.end_closed = true;
}

uint32_t PathTrieBuilder::NumberOf(const regex::TemplatePart& part) {
  const auto [set, new_set] = set_numbers_.emplace(part.bytes, static_cast<uint32_t>(sets_.size()));
  if (new_set) sets_.push_back(part.bytes);
  const auto [run, new_run] =
      run_numbers_.emplace(std::make_pair(set->second, uint64_t{part.min} << 32 | part.max),
                           static_cast<uint32_t>(runs_.size()));
  if (!new_run) return run->second;
  // What the set says of visible ASCII decides how a plain path is scanned.
  bool all = true, all_but_slash = !part.bytes.Has('/');
  for (int byte = 0x21; byte < 0x7f; ++byte) {
    if (part.bytes.Has(static_cast<uint8_t>(byte))) continue;
    all = false;
    if (byte != '/') all_but_slash = false;
  }
  PathTrie::Run frozen;
  frozen.min = part.min;
  frozen.more = part.max == regex::TemplatePart::kUnbounded ? UINT32_MAX : part.max - part.min;
  frozen.set = set->second;
  if (all) frozen.shape = PathTrie::Run::Shape::kAll;
  if (all_but_slash) frozen.shape = PathTrie::Run::Shape::kSegment;
  runs_.push_back(frozen);
  return run->second;
}

void PathTrieBuilder::Add(const regex::Template& pattern, uint32_t rule, bool unconditional) {
  used_ = true;
  uint32_t at = kRootNode;
  std::string literal;
  for (size_t i = 0; i < pattern.parts.size(); ++i) {
    const regex::TemplatePart& part = pattern.parts[i];
    if (part.kind == regex::TemplatePart::Kind::kLiteral) {
      literal += part.literal;
      continue;
    }
    if (!Descend(literal, false, &at)) return;
    literal.clear();
    const uint32_t run = NumberOf(part);
    const auto [behind, added] =
        behind_runs_.emplace(std::make_pair(at, run), static_cast<uint32_t>(nodes_.size()));
    if (added) {
      NewNode(at, 0, 0);
      nodes_[at].runs.emplace_back(run, behind->second);
    }
    at = behind->second;
  }
  if (!Descend(literal, true, &at) || nodes_[at].end_closed) return;
  nodes_[at].entries.emplace_back(rule, Entry::Kind::kEnd, unconditional);
  nodes_[at].end_closed = unconditional;
}

// ---- Freezing

struct PathTrieBuilder::Freezing {
  uint32_t node;
  uint32_t from;   // the frozen node it hangs at; 0 for the root
  uint32_t patch;  // the word of the arena that says where it is; 0: it is found by hash
};

bool PathTrieBuilder::AddTail(uint32_t run, uint32_t node, PathTrie* trie, uint32_t* tail,
                              Entry* entry) {
  struct Part {
    bool is_run;
    uint32_t run;
    std::string literal;
  };
  std::vector<Part> parts = {{true, run, ""}};
  std::string key = absl::StrCat(run);
  std::string literal;
  const auto end_literal = [&] {
    if (literal.empty()) return;
    absl::StrAppend(&key, "l", literal.size(), ":", literal);
    parts.push_back({false, 0, std::move(literal)});
    literal.clear();
  };
  while (true) {
    const Node& here = nodes_[node];
    literal += LabelOf(here);
    if (here.bare() && here.child_count() == 1) {
      node = here.only_child();
      continue;
    }
    if (!here.regexes.empty() || here.child_count() > 0) return false;
    end_literal();
    if (here.entries.size() == 1 && here.runs.empty()) {
      *entry = here.entries[0];
      break;
    }
    if (!here.entries.empty() || here.runs.size() != 1) return false;
    absl::StrAppend(&key, "r", here.runs[0].first);
    parts.push_back({true, here.runs[0].first, ""});
    node = here.runs[0].second;
  }
  const auto [known, added] = tails_.emplace(key, static_cast<uint32_t>(trie->tails_.size()));
  *tail = known->second;
  if (!added) return true;
  trie->tails_.push_back(
      {static_cast<uint32_t>(trie->tail_parts_.size()), static_cast<uint32_t>(parts.size())});
  for (const Part& part : parts) {
    trie->tail_parts_.push_back(
        {part.is_run, part.is_run ? part.run : static_cast<uint32_t>(trie->tail_text_.size()),
         static_cast<uint32_t>(part.literal.size())});
    trie->tail_text_ += part.literal;
  }
  return true;
}

PathTrie PathTrieBuilder::Build(const Rule* rules, const RegexPool& pool,
                                int64_t regex_memory_bytes, RuleLists* lists) {
  PathTrie trie;
  if (!used_) return trie;
  trie.runs_ = std::move(runs_);
  trie.sets_ = std::move(sets_);
  LineWords& arena = trie.arena_;
  arena.push_back(0);
  std::vector<std::pair<uint32_t, uint32_t>> frozen;   // each node and the one it hangs at
  std::vector<std::pair<uint64_t, uint32_t>> by_hash;  // pieces
  // Depth first, so that what is visited together lies together. A node comes before those that
  // hang at it.
  std::vector<Freezing> todo = {{kRootNode, 0, 0}};
  std::string label;
  while (!todo.empty()) {
    const Freezing now = todo.back();
    todo.pop_back();
    auto at = static_cast<uint32_t>(arena.size());
    frozen.emplace_back(at, now.from);
    label = LabelOf(nodes_[now.node]);
    const bool hashed = now.patch == 0 && now.from != 0;
    if (hashed) by_hash.emplace_back(PathTrie::HashPiece(now.from, label), at);
    if (now.patch != 0) arena[now.patch] = at;
    const Node* node = &nodes_[now.node];
    while (node->bare() && node->child_count() == 1) {
      node = &nodes_[node->only_child()];
      label += LabelOf(*node);
    }
    uint32_t flags = 0;
    uint32_t first_rule = Search::kNone;
    const auto comes = [&](uint32_t rule) { first_rule = std::min(first_rule, rule); };
    arena.resize(at + PathTrie::kHead + WordsFor(label.size()));
    if (!label.empty()) std::memcpy(&arena[at + PathTrie::kHead], label.data(), label.size());
    if (!node->entries.empty()) {
      comes(node->entries[0].rule());
      flags |= node->entries.size() == 1 ? PathTrie::kEntry : PathTrie::kList;
      arena.push_back(node->entries.size() == 1 ? node->entries[0].bits
                                                : lists->Add(node->entries, rules));
    }
    std::vector<std::pair<uint32_t, uint32_t>> runs;
    for (const auto& run : node->runs) {
      uint32_t tail;
      Entry entry(0);
      if ((flags & PathTrie::kTail) != 0 || !AddTail(run.first, run.second, &trie, &tail, &entry)) {
        runs.push_back(run);
        continue;
      }
      flags |= PathTrie::kTail;
      comes(entry.rule());
      arena.push_back(tail);
      arena.push_back(entry.bits);
    }
    if (!node->regexes.empty()) {
      flags |= PathTrie::kRegexes;
      comes(node->regexes[0]);
      arena.push_back(static_cast<uint32_t>(trie.regexes_.size()));
      trie.regexes_.push_back(
          std::make_unique<RegexGroup>(node->regexes, rules, pool, regex_memory_bytes));
    }
    const size_t pushed = todo.size();
    const auto push = [&](uint32_t child) {
      todo.push_back({child, at, static_cast<uint32_t>(arena.size())});
      arena.push_back(0);
    };
    if (!runs.empty()) {
      flags |= PathTrie::kRuns;
      arena.push_back(static_cast<uint32_t>(runs.size()));
      for (const auto& [run, behind] : runs) {
        arena.push_back(run);
        push(behind);
      }
    }
    if (node->child_count() == 1) {
      flags |= PathTrie::kOnly;
      push(node->only_child());
    } else {
      if (!node->by_byte.empty()) {
        flags |= PathTrie::kBytes;
        arena.push_back(static_cast<uint32_t>(node->by_byte.size()));
        std::string bytes;
        for (const uint32_t child : node->by_byte) {
          push(child);
          bytes += text_[nodes_[child].label];
        }
        const size_t words = arena.size();
        arena.resize(words + WordsFor(bytes.size()));
        std::memcpy(&arena[words], bytes.data(), bytes.size());
      }
      if (node->piece_count > 0) flags |= PathTrie::kPieces;
      for (uint32_t child = node->first_piece; child != 0; child = nodes_[child].next_piece) {
        todo.push_back({child, at, 0});
      }
    }
    std::reverse(todo.begin() + pushed, todo.end());
    const auto gap = static_cast<uint32_t>(kLineWords - at % kLineWords);
    if (hashed && gap <= kMostGap && arena.size() - at > gap && arena.size() - at <= kLineWords) {
      // Moved, it lies in one cache line.
      arena.insert(arena.begin() + at, gap, 0);
      at += gap;
      frozen.back().first = by_hash.back().second = at;
      for (size_t i = pushed; i < todo.size(); ++i) {
        todo[i].from = at;
        if (todo[i].patch != 0) todo[i].patch += gap;
      }
    }
    arena[at] = first_rule;
    arena[at + 1] = hashed ? now.from : 0;
    arena[at + 2] = static_cast<uint32_t>(label.size()) << 8 | flags;
  }
  for (size_t i = frozen.size(); i-- > 1;) {
    const auto [at, from] = frozen[i];
    arena[from] = std::min(arena[from], arena[at]);
  }
  // Bytes of children are looked at eight at once.
  arena.resize(arena.size() + 2);
  arena.shrink_to_fit();
  trie.slots_.Reset(by_hash.size(), arena.size());
  for (const auto& [hash, at] : by_hash) trie.slots_.Insert(hash, at);
  return trie;
}

}  // namespace mesh::route
