#include "mesh/ctl/table.h"

#include <algorithm>
#include <ostream>

namespace mesh::ctl {
namespace {

size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

const char* Begin(Tint tint) {
  switch (tint) {
    case Tint::kGood:
      return "\033[32m";
    case Tint::kWarning:
      return "\033[33m";
    case Tint::kBad:
      return "\033[31m";
    case Tint::kNone:
      return "";
  }
  return "";
}

}  // namespace

void Table::Print(std::ostream& out, bool color) const {
  std::vector<std::vector<Cell>> rows;
  rows.emplace_back(header_.begin(), header_.end());
  rows.insert(rows.end(), rows_.begin(), rows_.end());
  std::vector<size_t> widths(header_.size(), 0);
  for (auto& row : rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      row[i].text = Printable(std::move(row[i].text));
      widths[i] = std::max(widths[i], Width(row[i].text));
    }
  }
  for (const auto& row : rows) {
    std::string line;
    std::string gap;  // written only when something follows
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      if (!row[i].text.empty()) {
        line += gap;
        gap.clear();
        const bool tinted = color && row[i].tint != Tint::kNone;
        if (tinted) line += Begin(row[i].tint);
        line += row[i].text;
        if (tinted) line += "\033[0m";
      }
      gap += std::string(widths[i] - Width(row[i].text) + 3, ' ');
    }
    out << line << "\n";
  }
}

}  // namespace mesh::ctl
