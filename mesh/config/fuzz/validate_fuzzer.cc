// libFuzzer: files of any kind, read and validated.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "mesh/config/fuzz/whole_file.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

// Of this thread, whatever else the machine does.
double CpuSeconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

// Ten times what a file of this size may take, as the sanitizers cost that.
constexpr double kMostSeconds = 1.0;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const double begin = CpuSeconds();
  const std::string problem =
      mesh::config::ProblemOfFile(std::string_view(reinterpret_cast<const char*>(data), size));
  const double spent = CpuSeconds() - begin;
  if (!problem.empty() || spent > kMostSeconds) {
    std::fprintf(stderr, "%s\n%.3f s\n", problem.c_str(), spent);
    std::abort();
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  static const mesh::config::FileMutator* const kMutator = new mesh::config::FileMutator;
  mesh::config::SmallRandom random(seed);
  if (random.Below(4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string mutated =
      kMutator->Mutate(std::string_view(reinterpret_cast<const char*>(data), size), &random);
  const size_t length = std::min(mutated.size(), max_size);
  std::memcpy(data, mutated.data(), length);
  return length;
}
