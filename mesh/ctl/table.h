// Rows under a header, aligned, for people.
#ifndef MESH_CTL_TABLE_H_
#define MESH_CTL_TABLE_H_

#include <cstddef>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace mesh::ctl {

enum class Tint { kNone, kGood, kWarning, kBad };

struct Cell {
  Cell(std::string text, Tint tint = Tint::kNone)  // NOLINT: rows are written as lists of words
      : text(std::move(text)), tint(tint) {}
  Cell(const char* text) : text(text) {}  // NOLINT
  std::string text;
  Tint tint = Tint::kNone;
};

// How many characters a line on `out` may have, 0 for any number: on std::cout COLUMNS where it is
// set, else the width of the terminal if it is one; any number on other streams and in files.
size_t LineWidth(const std::ostream& out);

// Columns are as wide as their widest cell (counted in UTF-8 characters) and three spaces apart;
// the last column and line ends carry no padding. `color`: tints become terminal colours.
// Control characters in cells come out as '?'. Where the lines would be longer than a terminal's,
// the widest columns give way and what is cut ends in "…"; a line is never wrapped.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  // As many cells as the header has.
  void Add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  void Print(std::ostream& out, bool color) const { Print(out, color, LineWidth(out)); }
  // `width` in characters; 0: as long as need be.
  void Print(std::ostream& out, bool color, size_t width) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace mesh::ctl

#endif  // MESH_CTL_TABLE_H_
