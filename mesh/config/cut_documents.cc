#include "mesh/config/cut_documents.h"

#include <cstddef>

#include "mesh/config/utf8.h"

namespace mesh::config {
namespace {

bool StartsDocument(std::string_view line) {
  return line.substr(0, 3) == "---" &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// Nothing but a comment, to any reader of YAML: it does not end before its line does, and has no
// character that YAML refuses. `line` begins with '#'.
bool IsComment(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  bool ascii = true;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) return false;
    ascii = ascii && byte < 0x80;
  }
  if (ascii) return true;
  if (FindInvalidUtf8(line) != std::string_view::npos) return false;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    // C1 controls and NEL; LS and PS; the byte order mark and what is no character.
    if (line[i] == '\xC2' && static_cast<unsigned char>(line[i + 1]) < 0xA0) return false;
    const std::string_view three = line.substr(i, 3);
    for (const std::string_view bad :
         {"\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF", "\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
      if (three == bad) return false;
    }
  }
  return true;
}

}  // namespace

// In YAML nothing but the beginning of a document can look like "---" at the start of a line, not
// even the text of a block: cutting there is exact.
std::vector<Chunk> CutDocuments(std::string_view bytes) {
  std::vector<Chunk> chunks;
  size_t begin = 0;
  int begin_line = 1;
  int line_number = 1;
  bool content = false;  // whether the chunk has more than comments and directives
  for (size_t at = 0; at < bytes.size(); ++line_number) {
    const size_t newline = bytes.find('\n', at);
    const size_t end = newline == std::string_view::npos ? bytes.size() : newline;
    std::string_view line = bytes.substr(at, end - at);
    if (StartsDocument(line)) {
      if (content) {
        chunks.push_back({bytes.substr(begin, at - begin), begin_line});
        begin = at;
        begin_line = line_number;
        content = false;
      }
      line.remove_prefix(3);
    } else if (!line.empty() && line[0] == '%') {
      line = std::string_view();
    }
    if (!content) {
      const size_t first = line.find_first_not_of(" \t\r");
      content =
          first != std::string_view::npos && (line[first] != '#' || !IsComment(line.substr(first)));
    }
    if (newline == std::string_view::npos) break;
    at = newline + 1;
  }
  if (begin < bytes.size()) chunks.push_back({bytes.substr(begin), begin_line});
  return chunks;
}

}  // namespace mesh::config
