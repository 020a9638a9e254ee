// libFuzzer: regexes and texts against RE2. The first byte says whether what follows is the regex
// itself (up to a line feed; the texts behind it) or the seed of a random one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/route/regex/comparison.h"
#include "mesh/route/regex/random_regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mesh::route::regex::RandomRegex;
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  uint64_t seed = 14695981039346656037u;
  for (char c : input) seed = (seed ^ static_cast<uint8_t>(c)) * 1099511628211u;
  RandomRegex random(seed);
  std::string regex;
  std::vector<std::string> texts;
  switch (data[0] % 4) {
    case 0:
      regex = random.Regex();
      texts.push_back(std::string(input));
      break;
    case 1:
      regex = random.PathRegex();
      texts.push_back(std::string(input));
      break;
    default: {
      size_t end = input.find('\n');
      regex = std::string(input.substr(0, end));
      while (end != std::string_view::npos) {
        input.remove_prefix(end + 1);
        end = input.find('\n');
        texts.push_back(std::string(input.substr(0, end)));
      }
      break;
    }
  }
  // What takes RE2 itself long says nothing about us.
  if (regex.size() > 200) return 0;
  for (int i = 0; i < 4; ++i) texts.push_back(random.Text());
  // A tenth of the test's: many small automata find more than a few large ones.
  constexpr int64_t kSteps = 30'000;
  const auto result = mesh::route::regex::CompareWithRe2(regex, std::move(texts), &random, kSteps);
  if (!result.disagreement.empty()) {
    std::fprintf(stderr, "%s\n", result.disagreement.c_str());
    std::abort();
  }
  return 0;
}
