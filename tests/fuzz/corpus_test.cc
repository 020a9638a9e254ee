// What a fuzzer starts from, and every prefix of it, without libFuzzer: a fuzzer aborts where one
// of its properties does not hold. Arguments: the files.
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::string>* g_files = nullptr;  // set by main, before any test

// On the heap in its exact size, so that a sanitizer sees what is read beyond.
void Feed(const std::string& bytes) {
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(FuzzCorpusTest, EveryFileHoldsTheProperties) {
  ASSERT_FALSE(g_files->empty());
  for (const std::string& path : *g_files) {
    std::cerr << path << std::endl;  // the last one named is the one that aborts
    Feed(Content(path));
  }
}

TEST(FuzzCorpusTest, SoDoTheirPrefixes) {
  for (const std::string& path : *g_files) {
    const std::string bytes = Content(path);
    const size_t step = 1 + bytes.size() / 150;
    for (size_t size = 0; size < bytes.size(); size += step) {
      std::cerr << path << " cut at " << size << std::endl;
      Feed(bytes.substr(0, size));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::vector<std::string> files(argv + 1, argv + argc);
  g_files = &files;
  return RUN_ALL_TESTS();
}
