#include "mesh/base/source_position.h"

#include <tuple>

#include "absl/strings/str_cat.h"

namespace mesh {
namespace {

const std::string& FileName(const SourcePosition& p) {
  static const std::string* const kNone = new std::string();
  return p.file ? *p.file : *kNone;
}

}  // namespace

std::string SourcePosition::ToString() const {
  std::string out = FileName(*this);
  if (line > 0) absl::StrAppend(&out, ":", line);
  if (line > 0 && column > 0) absl::StrAppend(&out, ":", column);
  return out;
}

bool operator==(const SourcePosition& a, const SourcePosition& b) {
  return a.line == b.line && a.column == b.column && FileName(a) == FileName(b);
}

bool operator<(const SourcePosition& a, const SourcePosition& b) {
  return std::tie(FileName(a), a.line, a.column) < std::tie(FileName(b), b.line, b.column);
}

}  // namespace mesh
