// An input cut at the lines that begin a document, so that a broken one costs no other.
#ifndef MESH_CONFIG_CUT_DOCUMENTS_H_
#define MESH_CONFIG_CUT_DOCUMENTS_H_

#include <string_view>
#include <vector>

namespace mesh::config {

// A document, with the comments and directives before it.
struct Chunk {
  std::string_view bytes;
  int first_line = 1;
};

// In order; together they are `bytes`.
std::vector<Chunk> CutDocuments(std::string_view bytes);

}  // namespace mesh::config

#endif  // MESH_CONFIG_CUT_DOCUMENTS_H_
