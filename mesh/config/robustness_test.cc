// Files as they are found half-written, cut off and damaged: whatever is in them, they are read to
// the end in bounded work, and each complaint has a place in the file.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/base/strings.h"
#include "mesh/config/fuzz/whole_file.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"

namespace {

size_t allocated_bytes = 0;  // by this thread's operator new, ever
size_t live_bytes = 0;
size_t most_live_bytes = 0;

}  // namespace

// Counts what the reader asks for. libyaml's own buffers, of constant size, are not seen.
void* operator new(size_t size) {
  void* block = std::malloc(size + 16);
  if (block == nullptr) std::abort();
  *static_cast<size_t*>(block) = size;
  allocated_bytes += size;
  live_bytes += size;
  most_live_bytes = std::max(most_live_bytes, live_bytes);
  return static_cast<char*>(block) + 16;
}
void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  char* block = static_cast<char*>(pointer) - 16;
  live_bytes -= *reinterpret_cast<size_t*>(block);
  std::free(block);
}
void operator delete(void* pointer, size_t) noexcept { operator delete(pointer); }

namespace mesh::config {
namespace {

// What a run of `f` allocates, and how much of it is held at once.
struct Memory {
  size_t allocated;
  size_t most;
};
template <class F>
Memory Measure(F f) {
  const size_t allocated = allocated_bytes;
  const size_t live = live_bytes;
  most_live_bytes = live;
  f();
  return {allocated_bytes - allocated, most_live_bytes - live};
}

// Of one file: read twice (as objects and as settings), validated twice, its errors looked at.
constexpr size_t kMostBase = 400 << 10;
constexpr size_t kMostEach = 6000;

void Check(std::string_view bytes) {
  std::string problem;
  const Memory memory = Measure([&] { problem = ProblemOfFile(bytes); });
  ASSERT_EQ(problem, "") << bytes;
  ASSERT_LE(memory.allocated, kMostBase + kMostEach * bytes.size()) << bytes;
}

std::vector<std::string> Samples() {
  std::vector<std::string> folders = {"examples"};
  if (const char* shared = std::getenv("MESH_SHARED"); shared != nullptr) {
    folders.push_back(std::string(shared));
  }
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
         !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
      const std::string path = at->path().string();
      if (absl::EndsWith(path, ".yaml") || absl::EndsWith(path, ".yml")) paths.push_back(path);
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> samples;
  for (const std::string& path : paths) {
    std::ifstream in(path, std::ios::binary);
    samples.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return samples;
}

// A broken document takes nothing else down, so what follows from a file's being cut off is seen
// by cutting the document: all before it reads as ever.
std::vector<std::string_view> Documents(std::string_view file) {
  std::vector<std::string_view> documents;
  for (size_t begin = 0; begin < file.size();) {
    size_t end = begin;
    do {
      const size_t at = file.find("\n---", end);
      end = at == std::string_view::npos ? file.size() : at + 1;
    } while (end + 3 < file.size() &&
             std::string_view(" \t\r\n").find(file[end + 3]) == std::string_view::npos);
    documents.push_back(file.substr(begin, end - begin));
    begin = end;
  }
  return documents;
}

TEST(Robustness, EveryPrefixOfEverySample) {
  size_t prefixes = 0;
  std::set<std::string_view> seen;
  const std::vector<std::string> samples = Samples();
  ASSERT_GE(samples.size(), 4u);
  for (const std::string& sample : samples) {
    Check(sample);
    for (std::string_view document : Documents(sample)) {
      if (!seen.insert(document).second) continue;
      for (size_t n = 0; n <= document.size(); ++n, ++prefixes) {
        Check(document.substr(0, n));
        if (HasFatalFailure()) return;
      }
    }
  }
  std::cout << prefixes << " prefixes of " << samples.size() << " files\n";
}

TEST(Robustness, DamagedSamples) {
  const FileMutator mutator;
  SmallRandom random(20);
  size_t files = 0;
  for (const std::string& sample : Samples()) {
    for (int i = 0; i < 20; ++i, ++files) {
      std::string flipped = sample;
      for (size_t k = 1 + random.Below(4); k > 0 && !flipped.empty(); --k) {
        flipped[random.Below(flipped.size())] ^= 1 << random.Below(8);
      }
      Check(flipped);
      if (HasFatalFailure()) return;
      Check(mutator.Mutate(i % 2 == 0 ? sample : flipped, &random));
      if (HasFatalFailure()) return;
    }
  }
  std::cout << 2 * files << " damaged files\n";
}

// Documents are parsed together, and by themselves where one is broken: it must not show.
TEST(Robustness, DocumentsAreReadAsIfEachWereAlone) {
  const FileMutator mutator;
  SmallRandom random(30);
  size_t files = 0;
  std::string many;
  for (const std::string& sample : Samples()) {
    many += sample + "\n---\n";
    if (many.size() < 5000) continue;
    for (int i = 0; i < 3; ++i, ++files) {
      const std::string text = i == 0 ? many : mutator.Mutate(many, &random);
      const auto describe = [](const ReadResult& read, std::string* all) {
        for (const ReadObject& object : read.objects) {
          absl::StrAppend(all, object.position.ToString(), " ", object.kind, " ", object.name, " ",
                          object.skipped, "\n");
          for (const FieldError& error : object.errors) {
            absl::StrAppend(all, "  ", error.ToString(), "\n");
          }
          if (object.resource == nullptr) continue;
          absl::StrAppend(all, "  ", object.resource->PositionOf("spec").ToString(), " ",
                          object.resource->spec().ShortDebugString(), "\n");
        }
      };
      std::string together;
      describe(ReadYaml("x.yaml", text), &together);
      std::string alone;
      size_t lines = 0;
      for (std::string_view document : Documents(text)) {
        describe(ReadYaml("x.yaml", absl::StrCat(std::string(lines, '\n'), Absl(document))),
                 &alone);
        lines += std::count(document.begin(), document.end(), '\n');
      }
      ASSERT_EQ(together, alone) << text;
    }
    many.clear();
  }
  std::cout << files << " files of many documents\n";
}

struct Hostile {
  const char* name;
  std::string text;
  std::string error;  // within the first
};

constexpr char kFilter[] =
    "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: x}\nspec:\n"
    "  configPatches:\n  - patch:\n      value:\n";

std::string Repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Small texts that stand for large ones, or that make a careless reader look at everything for
// everything. The bounds are those of the work, not of the clock.
TEST(Robustness, HostileFilesCostLittle) {
  std::string bomb = absl::StrCat(kFilter, "        a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "        a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) absl::StrAppend(&bomb, k > 0 ? ", " : "", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  const std::string huge(1 << 20, 'x');
  const std::string aliased = absl::StrCat(kFilter, "        a: &a \"", huge, "\"\n        b: [",
                                           Repeat("*a, ", 90000), "*a]\n");
  std::string list = absl::StrCat("kind: List\napiVersion: v1\nitems:\n- &x\n",
                                  "  apiVersion: networking.istio.io/v1\n  kind: VirtualService\n",
                                  "  metadata: {name: x}\n  spec:\n    hosts: [",
                                  Repeat("a, ", 2000), "a]\n", Repeat("- *x\n", 20000));
  std::string merges = absl::StrCat(kFilter, "        a0: &a0 {", Repeat("k: v, ", 1), "k0: v}\n");
  for (int i = 1; i < 30; ++i) {
    absl::StrAppend(&merges, "        a", i, ": &a", i, " {<<: [*a", i - 1, ", *a", i - 1, ", *a",
                    i - 1, "], k", i, ": v}\n");
  }
  std::string twice = kFilter;
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&twice, "        k", i, ": v\n");
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&twice, "        k19999: v\n");
  std::string unknown =
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec:\n";
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&unknown, "  host", i, ": v\n");
  const Hostile files[] = {
      {"aliases of aliases", bomb, "aliases expand to more than 100000 values"},
      {"a long text, many times", aliased, "aliases expand to more than 100000 values"},
      {"an object, many times", list, "aliases expand to more than 100000 values"},
      {"merges of merges", merges, "<< merges at most 1000 mappings"},
      {"many keys given twice", twice, "key \"k19999\" is given twice, first at line 20007"},
      {"many unknown fields", unknown, "unknown field \"host0\", did you mean \"hosts\"?"},
      {"100,000 levels", absl::StrCat(kFilter, "        a: ", Repeat("[", 100000)),
       "nested deeper than 100"},
      {"100,000 levels by blocks",
       absl::StrCat(kFilter, "        a:\n        ", Repeat("- ", 100000)),
       "nested deeper than 100"},
  };
  for (const Hostile& file : files) {
    SCOPED_TRACE(file.name);
    ReadResult read;
    const Memory memory = Measure([&] { read = ReadYaml("x.yaml", file.text); });
    ASSERT_FALSE(read.errors.empty());
    EXPECT_TRUE(absl::StrContains(read.errors[0].ToString(), file.error))
        << read.errors[0].ToString();
    EXPECT_LE(memory.most, size_t{64} << 20);
    EXPECT_LE(memory.allocated, size_t{128} << 20);
    EXPECT_LE(read.errors.size(), 21000u);
  }
}

// 100 MB are refused before anybody looks at them.
TEST(Robustness, AFileThatIsTooLargeIsNotLookedAt) {
  const std::string large(size_t{100} << 20, 'a');
  ReadResult read;
  const Memory memory = Measure([&] { read = ReadYaml("x.yaml", large); });
  ASSERT_EQ(read.errors.size(), 1u);
  EXPECT_EQ(read.errors[0].ToString(),
            "x.yaml:1:1: the input has 104857600 bytes, at most 52428800 are read");
  EXPECT_LE(memory.allocated, 4096u);
}

// Objects with long lists: what is checked of one item does not grow with the list.
TEST(Robustness, LongListsAreCheckedInLinearWork) {
  std::string hosts =
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: x}\nspec:\n"
      "  hosts:\n";
  constexpr int kHosts = 50000;
  for (int i = 0; i < kHosts; ++i) absl::StrAppend(&hosts, "  - h", i, ".example.com\n");
  hosts +=
      "  - \"*.example.com\"\n  tls:\n  - match: [{sniHosts: [nobody.example.org]}]\n"
      "    route: [{destination: {host: a}}]\n";
  std::string rules =
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: x}\nspec:\n"
      "  rules:\n";
  for (int i = 0; i < kHosts; ++i) rules += "  - when: [{key: nothing, values: [a]}]\n";
  for (const std::string& text : {hosts, rules}) {
    const ReadResult read = ReadYaml("x.yaml", text);
    ASSERT_EQ(read.resources.size(), 1u) << read.errors[0].ToString();
    std::vector<FieldError> errors;
    const Memory memory = Measure([&] { errors = ValidateResource(*read.resources[0]); });
    ASSERT_EQ(errors.size(), 1001u);
    EXPECT_EQ(errors.back().message, "has more errors than these; what follows is not said");
    EXPECT_LE(memory.allocated, size_t{64} << 20);
  }
}

}  // namespace
}  // namespace mesh::config
