// Find over tables of one kind and N rules: uniform, Zipf, last rule; beside it RE2::Set over the
// same templates and the scan that tries rule by rule. Allocations are counted; instructions are
// callgrind's to count (`benchmarks/route/run --instructions`).
#include <malloc.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "benchmarks/route/tables.h"
#include "mesh/route/table.h"
#include "re2/re2.h"
#include "re2/set.h"

namespace mesh::bench {
namespace {

constexpr Kind kKinds[] = {Kind::kExact,  Kind::kPrefix,     Kind::kTemplate,   Kind::kFreeRegex,
                           Kind::kHeader, Kind::kTwoHeaders, Kind::kMethodQuery};

enum class Order { kUniform, kZipf, kLast };

// Requests in the order they are asked; a power of two of them.
// As many as there are rules, or the caches would hold the few that are asked.
constexpr size_t kAsked = 1 << 17;

std::vector<int> Targets(int n, Order order) {
  std::mt19937_64 random(42);
  std::vector<int> targets(kAsked, n - 1);
  if (order == Order::kLast) return targets;
  if (order == Order::kUniform) {
    for (int& target : targets) target = static_cast<int>(random() % n);
    return targets;
  }
  std::vector<double> upto(n);
  double sum = 0;
  for (int i = 0; i < n; ++i) upto[i] = sum += 1.0 / (i + 1);
  for (int& target : targets) {
    const double at = sum * (random() % (1ull << 53)) / (1ull << 53);
    target = static_cast<int>(std::lower_bound(upto.begin(), upto.end(), at) - upto.begin());
    // Popular rules stand anywhere, not first.
    target = static_cast<int>((target * 7919ll) % n);
  }
  return targets;
}

// A table and requests for it, whose texts lie side by side in the order asked, as what a parser
// has just read is in the cache.
struct Case {
  std::shared_ptr<const route::Table> table;
  std::vector<Asked> asked;
  std::string paths;
  std::vector<route::Request> requests;

  Case(Kind kind, int n, Order order, bool index = true) {
    route::TableOptions options;
    options.index = index;
    table = route::Table::Build({MakeHost(kind, n)}, options).table;
    for (const int target : Targets(n, order)) {
      asked.push_back(RequestFor(kind, target));
      paths += asked.back().path;
    }
    size_t at = 0;
    for (const Asked& one : asked) {
      route::Request request;
      request.method = one.method;
      request.authority = "shop.example";
      request.path = std::string_view(paths).substr(at, one.path.size());
      at += one.path.size();
      // Where only the path matters all requests have the same headers.
      request.headers = (WantsHeaders(kind) ? one : asked[0]).headers.view();
      requests.push_back(request);
    }
  }
};

void Find(benchmark::State& state, Kind kind, int n, Order order, bool index = true) {
  const Case made(kind, n, order, index);
  size_t at = 0;
  int missed = 0;
  for (auto _ : state) {
    missed += !made.table->Find(made.requests[at++ & (kAsked - 1)]).found();
  }
  if (missed > 0) state.SkipWithError("a request was not routed");
}

// For callgrind: each request of some once, after the first few.
int CountFinds(const std::string& name, int finds) {
  for (const Kind kind : kKinds) {
    for (const int n : {10, 1000, 10000, 100000}) {
      if (name != absl::StrCat(NameOf(kind), "/", n)) continue;
      const Case made(kind, n, Order::kUniform);
      int missed = 0;
      for (int i = 0; i < finds; ++i) missed += !made.table->Find(made.requests[i]).found();
      return missed;
    }
  }
  std::fprintf(stderr, "no table is named %s\n", name.c_str());
  return 64;
}

void Re2Set(benchmark::State& state, int n) {
  re2::RE2::Options options;
  options.set_max_mem(int64_t{1} << 30);  // its default is too little for 10,000
  re2::RE2::Set set(options, re2::RE2::ANCHOR_BOTH);
  for (int i = 0; i < n; ++i) set.Add(absl::StrCat("/shelves/[^/]+/r", i, "/[^/]+"), nullptr);
  if (!set.Compile()) return state.SkipWithError("RE2::Set does not compile");
  std::vector<std::string> paths;
  for (const int target : Targets(n, Order::kUniform)) {
    paths.push_back(RequestFor(Kind::kTemplate, target).path);
  }
  std::vector<int> matches;
  size_t at = 0;
  for (auto _ : state) {
    matches.clear();
    benchmark::DoNotOptimize(set.Match(paths[at++ & (kAsked - 1)], &matches));
  }
}

size_t InUse() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// Time and memory of a table of 100,000; memory without the bytes of its paths and values.
void Build(benchmark::State& state, Kind kind, int n) {
  double bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const size_t before = InUse();
    auto host = MakeHost(kind, n);
    size_t text = 0;
    for (const route::Rule& rule : host->rules) text += rule.path.text.size() + 1;
    state.ResumeTiming();
    auto built = route::Table::Build({host}, {});
    state.PauseTiming();
    bytes = static_cast<double>(InUse() - before - text) / n;
    built.table = nullptr;
    host = nullptr;
    state.ResumeTiming();
  }
  state.counters["bytes_a_route"] = bytes;
}

// One of 1,000 virtual hosts, each of 20 rules, is another one.
void Change(benchmark::State& state) {
  std::vector<std::shared_ptr<const route::VirtualHost>> hosts;
  const auto make = [](int i) {
    auto host = std::make_shared<route::VirtualHost>(*MakeHost(Kind::kPrefix, 20));
    host->domains = {absl::StrCat("host-", i, ".example")};
    return host;
  };
  for (int i = 0; i < 1000; ++i) hosts.push_back(make(i));
  auto table = route::Table::Build(hosts, {}).table;
  for (auto _ : state) {
    hosts[500] = make(500);
    table = route::Table::Build(hosts, {}, table.get()).table;
  }
}

void Register() {
  const auto add = [](const std::string& name, auto&& run) {
    return benchmark::RegisterBenchmark(name.c_str(), run);
  };
  for (const Kind kind : kKinds) {
    for (const int n : {10, 1000, 10000, 100000}) {
      if (kind == Kind::kFreeRegex && n > 1000) continue;
      const std::string name = absl::StrCat(NameOf(kind), "/", n);
      add(name + "/uniform", [=](benchmark::State& s) { Find(s, kind, n, Order::kUniform); });
      add(name + "/zipf", [=](benchmark::State& s) { Find(s, kind, n, Order::kZipf); });
      add(name + "/last", [=](benchmark::State& s) { Find(s, kind, n, Order::kLast); });
    }
  }
  for (const int n : {10, 1000, 10000}) {
    add(absl::StrCat("re2_set/", n), [=](benchmark::State& s) { Re2Set(s, n); });
  }
  add("template/1000/uniform/two_threads", [](benchmark::State& s) {
    Find(s, Kind::kTemplate, 1000, Order::kUniform);
  })->Threads(2);
  add("re2_set/1000/two_threads", [](benchmark::State& s) { Re2Set(s, 1000); })->Threads(2);
  for (const Kind kind : {Kind::kExact, Kind::kPrefix, Kind::kTemplate, Kind::kHeader}) {
    add(absl::StrCat("build/", NameOf(kind), "/100000"), [=](benchmark::State& s) {
      Build(s, kind, 100000);
    })->Unit(benchmark::kMillisecond);
  }
  add("build/free_regex/1000", [](benchmark::State& s) {
    Build(s, Kind::kFreeRegex, 1000);
  })->Unit(benchmark::kMillisecond);
  add("change/one_of_1000", Change)->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace mesh::bench

int main(int argc, char** argv) {
  // bench_route --finds 2000 exact/1000
  if (argc == 4 && std::string(argv[1]) == "--finds") {
    return mesh::bench::CountFinds(argv[3], std::atoi(argv[2]));
  }
  mesh::bench::Register();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
