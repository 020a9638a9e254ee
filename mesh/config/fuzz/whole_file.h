// What must hold of every file, whatever is in it: it is read and checked to the end, in bounded
// work, and each complaint has a place in it.
#ifndef MESH_CONFIG_FUZZ_WHOLE_FILE_H_
#define MESH_CONFIG_FUZZ_WHOLE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

// Reads `bytes` as a file of objects and as the mesh's settings, validates what was read, and asks
// for the place of every error. What does not hold, for a person; empty where all does.
std::string ProblemOfFile(std::string_view bytes);

// Whether the reader of plain YAML makes of a document what libyaml does, where it takes it at all.
// ProblemOfFile asks it of every document.
std::string ProblemOfPlain(std::string_view document);

// A number out of a series that is the same everywhere.
class SmallRandom {
 public:
  explicit SmallRandom(uint64_t seed) : state_(seed) {}
  // 0 to below - 1; 0 for below 0 and 1.
  size_t Below(size_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return below < 2 ? 0 : (state_ >> 33) % below;
  }

 private:
  uint64_t state_;
};

// Changes a file as a person might, or a disk: lines doubled, dropped, swapped, shifted; values and
// names of fields replaced by others of the API; bytes flipped.
class FileMutator {
 public:
  FileMutator();
  std::string Mutate(std::string_view file, SmallRandom* random) const;

 private:
  std::vector<std::string> fields_;
  std::vector<std::string> values_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_FUZZ_WHOLE_FILE_H_
