// Where a value stands in what a user wrote.
#ifndef MESH_BASE_SOURCE_POSITION_H_
#define MESH_BASE_SOURCE_POSITION_H_

#include <memory>
#include <string>

namespace mesh {

// One place in one input. Line and column are 1-based, the column counts bytes; 0 means unknown.
// Cheap to copy: positions of one file share its name. Thread-safe as any value is.
struct SourcePosition {
  std::shared_ptr<const std::string>
      file;  // as the user named it; "-" is standard input; may be null
  int line = 0;
  int column = 0;

  bool known() const { return line > 0; }
  // "bookinfo.yaml:14:9", "bookinfo.yaml:14", "bookinfo.yaml", or "" where nothing is known.
  std::string ToString() const;
};

bool operator==(const SourcePosition& a, const SourcePosition& b);
// By file name, line, column: the order in which errors are reported.
bool operator<(const SourcePosition& a, const SourcePosition& b);

}  // namespace mesh

#endif  // MESH_BASE_SOURCE_POSITION_H_
