// Find over tables of one kind and N rules: uniform, Zipf, last rule; beside it RE2::Set over the
// same templates; what building costs. Instructions are callgrind's to count
// (`bench_route --finds 4000 exact/1000`, run by `benchmarks/route/run`).
#include <malloc.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "benchmarks/route/requests.h"
#include "benchmarks/route/tables.h"
#include "mesh/route/table.h"
#include "re2/re2.h"
#include "re2/set.h"

namespace mesh::bench {
namespace {

constexpr Kind kKinds[] = {Kind::kExact,  Kind::kPrefix,     Kind::kTemplate,   Kind::kFreeRegex,
                           Kind::kHeader, Kind::kTwoHeaders, Kind::kMethodQuery};
constexpr int kSizes[] = {10, 1000, 10000, 100000};
// Each free regex is an RE2 of some KB.
constexpr int kMostFreeRegexes = 10000;

// As many as there are rules, or the caches would hold the few that are asked.
constexpr size_t kAsked = 1 << 17;

// A table and requests for it.
struct Case {
  std::shared_ptr<const route::Table> table;
  Requests requests;

  Case(Kind kind, int n, Order order, size_t count)
      : table(route::Table::Build({MakeHost(kind, n)}, {}).table),
        requests(kind, Targets(n, order, count)) {}
};

// The case that is being measured: a benchmark's function is entered anew for each repetition, by
// each of its threads.
class Current {
 public:
  std::shared_ptr<const Case> Get(Kind kind, int n, Order order) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::string name = absl::StrCat(NameOf(kind), "/", n, "/", static_cast<int>(order));
    if (name_ != name) {
      case_ = nullptr;
      case_ = std::make_shared<Case>(kind, n, order, kAsked);
      name_ = name;
    }
    return case_;
  }

 private:
  std::mutex mutex_;
  std::string name_;
  std::shared_ptr<const Case> case_;
};

void Find(benchmark::State& state, Current* current, Kind kind, int n, Order order) {
  const std::shared_ptr<const Case> made = current->Get(kind, n, order);
  Requests::Reader reader(made->requests);
  int missed = 0;
  for (auto _ : state) missed += !made->table->Find(reader.Next()).found();
  if (missed > 0) state.SkipWithError("a request was not routed");
}

// For callgrind.
int CountFinds(const std::string& name, int finds) {
  for (const Kind kind : kKinds) {
    for (const int n : kSizes) {
      if (name != absl::StrCat(NameOf(kind), "/", n)) continue;
      const Case made(kind, n, Order::kUniform, finds);
      Requests::Reader reader(made.requests);
      int missed = 0;
      for (int i = 0; i < finds; ++i) missed += !made.table->Find(reader.Next()).found();
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
  const Requests requests(Kind::kTemplate, Targets(n, Order::kUniform, kAsked));
  Requests::Reader reader(requests);
  std::vector<int> matches;
  for (auto _ : state) {
    matches.clear();
    const std::string_view path = reader.Next().path;
    benchmark::DoNotOptimize(set.Match(re2::StringPiece(path.data(), path.size()), &matches));
  }
}

size_t InUse() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// Time and memory of a table, its rules among it; memory without the bytes of their texts.
void Build(benchmark::State& state, Kind kind, int n) {
  double bytes = 0, rule_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const size_t before = InUse();
    auto host = MakeHost(kind, n);
    const size_t text = TextBytes(*host);
    rule_bytes = static_cast<double>(InUse() - before - text) / n;
    state.ResumeTiming();
    auto built = route::Table::Build({host}, {});
    state.PauseTiming();
    bytes = static_cast<double>(InUse() - before - text) / n;
    built.table = nullptr;
    host = nullptr;
    state.ResumeTiming();
  }
  state.counters["bytes_a_route"] = bytes;
  state.counters["bytes_a_rule"] = rule_bytes;
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

void Register(Current* current) {
  const auto add = [](const std::string& name, auto&& run) {
    return benchmark::RegisterBenchmark(name.c_str(), run);
  };
  for (const Kind kind : kKinds) {
    for (const int n : kSizes) {
      if (kind == Kind::kFreeRegex && n > kMostFreeRegexes) continue;
      const std::string name = absl::StrCat(NameOf(kind), "/", n);
      const auto find = [=](const char* which, Order order) {
        add(absl::StrCat(name, "/", which),
            [=](benchmark::State& s) { Find(s, current, kind, n, order); });
      };
      find("uniform", Order::kUniform);
      find("zipf", Order::kZipf);
      find("last", Order::kLast);
      if (kind == Kind::kTwoHeaders || kind == Kind::kMethodQuery) continue;
      add("build/" + name, [=](benchmark::State& s) {
        Build(s, kind, n);
      })->Unit(benchmark::kMillisecond);
    }
  }
  for (const int n : {10, 1000, 10000}) {
    add(absl::StrCat("re2_set/", n), [=](benchmark::State& s) { Re2Set(s, n); });
  }
  for (const int threads : {1, 2}) {
    add("threads/template/1000", [=](benchmark::State& s) {
      Find(s, current, Kind::kTemplate, 1000, Order::kUniform);
    })->Threads(threads);
    add("threads/re2_set/1000", [](benchmark::State& s) { Re2Set(s, 1000); })->Threads(threads);
  }
  add("change/one_of_1000", Change)->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace mesh::bench

int main(int argc, char** argv) {
  // bench_route --finds 2000 exact/1000
  if (argc == 4 && std::string(argv[1]) == "--finds") {
    return mesh::bench::CountFinds(argv[3], std::atoi(argv[2]));
  }
  mesh::bench::Current current;
  mesh::bench::Register(&current);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
