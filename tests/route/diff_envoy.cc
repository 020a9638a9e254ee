// make diff-envoy: many random tables and requests, Envoy and us side by side.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/route/differential.h"
#include "tests/route/envoy_peer.h"

int main(int argc, char** argv) {
  int64_t tables = 2000, requests = 500, seed = 1;
  int64_t* const numbers[] = {&tables, &requests, &seed};
  for (int i = 1; i < argc && i <= 3; ++i) {
    if (!absl::SimpleAtoi(argv[i], numbers[i - 1])) {
      std::cerr << "usage: diff_envoy [TABLES [REQUESTS-EACH [SEED]]]\n";
      return 64;
    }
  }
  const absl::StatusOr<std::string> envoy = mesh::FindEnvoy();
  if (!envoy.ok()) {
    std::cerr << std::string(envoy.status().message()) << "\n";
    return 2;
  }
  char directory[] = "/tmp/diff-envoy.XXXXXX";
  if (mkdtemp(directory) == nullptr) return 1;
  const auto start = std::chrono::steady_clock::now();
  int64_t done_tables = 0, done_requests = 0, routed = 0;
  bool different = false;
  for (int64_t at = 0; at < tables && !different; at += 200) {
    const auto result = mesh::CompareWithEnvoy(
        *envoy, absl::StrCat(directory, "/", at), seed * 1000000 + at,
        static_cast<int>(std::min<int64_t>(200, tables - at)), static_cast<int>(requests));
    if (!result.ok()) {
      std::cerr << std::string(result.status().message()) << "\n";
      return 1;
    }
    done_tables += result->tables;
    done_requests += result->requests;
    routed += result->routed;
    for (const std::string& one : result->differences) std::cout << one << "\n";
    different = !result->differences.empty();
    std::cerr << done_tables << " tables, " << done_requests << " requests\n";
    std::error_code ignored;
    std::filesystem::remove_all(absl::StrCat(directory, "/", at), ignored);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << done_tables << " tables, " << done_requests << " requests (" << routed
            << " routed), " << (different ? "with" : "0") << " differences, " << seconds << " s\n";
  return different ? 1 : 0;
}
