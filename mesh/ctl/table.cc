#include "mesh/ctl/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>

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

// The first `width` characters, the last of them "…" when that is not all.
std::string Cut(const std::string& text, size_t width) {
  if (Width(text) <= width) return text;
  if (width == 0) return "";
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (++characters == width) return text.substr(0, i) + "…";
  }
  return text;
}

constexpr size_t kGap = 3;

// Takes from the widest columns until a line has at most `width` characters. Columns keep a few
// characters each; a terminal too narrow for those shows the first columns only.
void Shrink(size_t width, std::vector<size_t>* widths) {
  constexpr size_t kLeast = 4;
  size_t line = std::accumulate(widths->begin(), widths->end(), kGap * (widths->size() - 1));
  while (line > width) {
    const auto widest = std::max_element(widths->begin(), widths->end());
    if (*widest <= kLeast) break;
    --*widest;
    --line;
  }
  size_t used = 0;
  for (size_t& column : *widths) {
    column = used < width ? std::min(column, width - used) : 0;
    used += column + kGap;
  }
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

size_t LineWidth(const std::ostream& out) {
  if (&out != &std::cout) return 0;
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    const long width = std::strtol(columns, nullptr, 10);
    if (width > 0) return static_cast<size_t>(width);
  }
  winsize size = {};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void Table::Print(std::ostream& out, bool color, size_t width) const {
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
  if (width > 0 && !widths.empty()) Shrink(width, &widths);
  for (const auto& row : rows) {
    std::string line;
    std::string gap;  // written only when something follows
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const std::string text = Cut(row[i].text, widths[i]);
      if (!text.empty()) {
        line += gap;
        gap.clear();
        const bool tinted = color && row[i].tint != Tint::kNone;
        if (tinted) line += Begin(row[i].tint);
        line += text;
        if (tinted) line += "\033[0m";
      }
      gap += std::string(widths[i] - Width(text) + kGap, ' ');
    }
    out << line << "\n";
  }
}

}  // namespace mesh::ctl
