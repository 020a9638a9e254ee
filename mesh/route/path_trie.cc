// The invariants:
// 1. A node stands for one sequence of literals and runs. All patterns in the trie are
//    deterministic, so a path reaches a node at one place at most, and a walk visits it once.
// 2. A node's list is ascending; so is every group of regexes. A node's first rule is the least at
//    or below it, so that a walk leaves what cannot beat the rule it has.
// 3. What stands in a list is exact for its place (see Entry::Kind), so that only the conditions
//    are left to ask, except for regexes, which hang where their literal prefix ends.
#include "mesh/route/path_trie.h"

#include <algorithm>

#include "mesh/route/regex/template.h"

namespace mesh::route {
namespace {

const char* Bytes(const uint32_t* words) { return reinterpret_cast<const char*>(words); }

MESH_ROUTE_INLINE bool Continues(const MarkedPath& path, size_t at, const char* label,
                                 size_t size) {
  return path.text.size() - at >= size && SameBytes(path.text.data() + at, label, size);
}

// Which of `count` bytes is `byte`; `count` for none. Up to seven bytes behind them are read.
size_t IndexOf(const char* bytes, size_t count, uint8_t byte) {
  constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
  for (size_t i = 0; i < count; i += 8) {
    const uint64_t differs = Load64(bytes + i) ^ kOnes * byte;
    // The lowest mark is right, whatever the borrow does to those above it.
    const uint64_t zeros = (differs - kOnes) & ~differs & kHighs;
    if (zeros != 0) {
      return std::min(count, i + static_cast<size_t>(__builtin_ctzll(zeros)) / 8);
    }
  }
  return count;
}

}  // namespace

size_t PathTrie::EndOfSet(const Run& run, std::string_view text, size_t at) const {
  const regex::ByteSet& set = sets_[run.set];
  size_t end = at;
  while (end < text.size() && set.Has(static_cast<unsigned char>(text[end]))) ++end;
  if (set.has_non_ascii() && !regex::IsRuneSequence(text.substr(at, end - at))) return kNoEnd;
  return end;
}

MESH_ROUTE_INLINE size_t PathTrie::EndOfRun(const Run& run, const MarkedPath& path,
                                            size_t at) const {
  size_t end;
  if (path.plain && run.shape == Run::Shape::kSegment) {
    end = path.EndOfSegment(at);
  } else if (path.plain && run.shape == Run::Shape::kAll) {
    end = path.text.size();
  } else {
    end = EndOfSet(run, path.text, at);
    if (end == kNoEnd) return kNoEnd;
  }
  // Fewer than `min` wrap around, to more than any text has.
  const size_t more = end - at - run.min;
  if (more > run.more && (run.more != UINT32_MAX || more > SIZE_MAX / 2)) return kNoEnd;
  return end;
}

MESH_ROUTE_INLINE size_t PathTrie::EndOfTail(const Tail& tail, const MarkedPath& path,
                                             size_t at) const {
  const TailPart* part = &tail_parts_[tail.begin];
  for (const TailPart* const end = part + tail.count; part != end; ++part) {
    if (part->is_run) {
      at = EndOfRun(runs_[part->begin], path, at);
      if (at == kNoEnd) return kNoEnd;
    } else {
      if (!Continues(path, at, tail_text_.data() + part->begin, part->size)) return kNoEnd;
      at += part->size;
    }
  }
  return at;
}

MESH_ROUTE_INLINE uint32_t PathTrie::PieceOf(uint32_t node, const MarkedPath& path,
                                             size_t at) const {
  size_t end = path.EndOfSegment(at);
  if (end < path.text.size()) ++end;
  const uint64_t hash = HashPiece(node, path.text.substr(at, end - at));
  const uint32_t found = slots_.Find(hash, [&](uint32_t child) {
    const uint32_t* words = &arena_[child];
    return words[1] == node && Continues(path, at, Bytes(words + kHead), words[2] >> 8);
  });
  return found == HashSlots::kNone ? 0 : found;
}

template <class Visitor>
void PathTrie::Walk(uint32_t node, const MarkedPath& path, size_t at, Visitor visitor) const {
  const uint32_t* const arena = arena_.data();
  bool compared = false;  // what was found by hash has its label compared already
  while (true) {
    const uint32_t* words = arena + node;
    if (!visitor.Wants(words[0])) return;
    const uint32_t size = words[2] >> 8, flags = words[2];
    if (!compared && !Continues(path, at, Bytes(words + kHead), size)) return;
    at += size;
    words += kHead + WordsFor(size);
    if ((flags & (kEntry | kList | kTail | kRegexes)) != 0) {
      if ((flags & kEntry) != 0) visitor.Take(Entry(*words++), at);
      if ((flags & kList) != 0) visitor.TakeList(*words++, at);
      if ((flags & kTail) != 0) {
        const size_t end = EndOfTail(tails_[words[0]], path, at);
        if (end != kNoEnd) visitor.Take(Entry(words[1]), end);
        words += 2;
      }
      if ((flags & kRegexes) != 0) visitor.TakeRegexes(*regexes_[*words++]);
    }
    const bool has_children = (flags & (kOnly | kBytes | kPieces)) != 0 && at != path.text.size();
    uint32_t next = 0;
    if ((flags & kRuns) != 0) {
      size_t next_at = at;
      for (uint32_t left = *words++; left > 0; --left, words += 2) {
        if (!visitor.Wants(arena[words[1]])) continue;
        const size_t end = EndOfRun(runs_[words[0]], path, at);
        if (end == kNoEnd) continue;
        // The last of the ways is gone here, the others in a walk of their own.
        if (left == 1 && !has_children) {
          next = words[1];
          next_at = end;
        } else {
          Walk(words[1], path, end, visitor);
        }
      }
      at = next_at;
    }
    compared = false;
    if (has_children) {
      if ((flags & kOnly) != 0) next = *words;
      if ((flags & kBytes) != 0) {
        const uint32_t count = *words++;
        const size_t index =
            IndexOf(Bytes(words + count), count, static_cast<uint8_t>(path.text[at]));
        if (index < count) next = words[index];
      }
      if ((flags & kPieces) != 0) {
        // Mostly one of the two.
        if (next != 0) Walk(next, path, at, visitor);
        next = PieceOf(node, path, at);
        compared = true;
      }
    }
    if (next == 0) return;
    node = next;
  }
}

struct PathTrie::Finding {
  const RuleLists& lists;
  Search* search;

  bool Wants(uint32_t first_rule) const { return first_rule < search->best; }
  void Take(Entry entry, size_t at) const { lists.Note(entry, at, search); }
  void TakeList(uint32_t list, size_t at) const { lists.NoteList(list, at, search); }
  void TakeRegexes(const RegexGroup& group) const {
    lists.NoteAsked(group.rules(), group.together() ? &group : nullptr, search);
  }
};

void PathTrie::Find(const MarkedPath& path, const RuleLists& lists, Search* search) const {
  Walk(kRoot, path, 0, Finding{lists, search});
}

struct PathTrie::Collecting {
  const RuleLists& lists;
  const MarkedPath& path;
  size_t limit;
  std::vector<Entry>* entries;
  bool* complete;

  bool Wants(uint32_t) const { return *complete; }
  void Take(Entry entry, size_t at) const {
    const bool ends = at == path.text.size();
    if (entry.kind() == Entry::Kind::kAnything || ends ||
        (entry.kind() == Entry::Kind::kSeparated && path.text[at] == '/')) {
      entries->push_back(entry);
    }
    if (entries->size() > limit) *complete = false;
  }
  void TakeList(uint32_t list, size_t at) const {
    // A list with groups shows no entries: it is too long anyway.
    if (lists.entries(list).empty()) *complete = false;
    for (const Entry entry : lists.entries(list)) Take(entry, at);
  }
  void TakeRegexes(const RegexGroup&) const { *complete = false; }
};

bool PathTrie::Collect(const MarkedPath& path, const RuleLists& lists, size_t limit,
                       std::vector<Entry>* entries) const {
  bool complete = true;
  if (!arena_.empty()) Walk(kRoot, path, 0, Collecting{lists, path, limit, entries, &complete});
  return complete;
}

size_t PathTrie::memory_bytes() const {
  return arena_.capacity() * sizeof(uint32_t) + slots_.memory_bytes() +
         runs_.capacity() * sizeof(Run) + sets_.capacity() * sizeof(regex::ByteSet) +
         tails_.capacity() * sizeof(Tail) + tail_parts_.capacity() * sizeof(TailPart) +
         tail_text_.capacity();
}

}  // namespace mesh::route
