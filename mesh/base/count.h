// Numbers of things, as a person says them.
#ifndef MESH_BASE_COUNT_H_
#define MESH_BASE_COUNT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mesh {

// Count(1, "error") is "1 error", Count(2, "error") is "2 errors". For nouns that take an s.
inline std::string Count(uint64_t number, std::string_view noun) {
  std::string text = std::to_string(number);
  text.append(" ").append(noun);
  if (number != 1) text.append("s");
  return text;
}

}  // namespace mesh

#endif  // MESH_BASE_COUNT_H_
