// What `make bench-config` runs: reading, validating and analysing configurations of many sizes.
//
//   events/libyaml/N, read/N           the same bytes as libyaml's bare events, and as typed
//   resources validate/N, analyze/N, check/NAME/N   from cold caches
//   cluster/NAME/N             a check over a cluster of N services
//   edit/KIND/N                one file of N services is edited: read, stored, findings again
//
//   bench_config --once N              reads and analyses once: CPU time, and the most memory the
//                                      process ever held
#include <malloc.h>
#include <yaml.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "benchmarks/config/generate.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/analyzer.h"
#include "mesh/config/read.h"
#include "mesh/config/snapshot.h"
#include "mesh/config/store.h"
#include "mesh/config/validate.h"

namespace mesh::benchmarks {
namespace {

// A number above this is of a cluster with the services that are left of it.
constexpr int kCluster = 1 << 20;

// All of it as one text, as `kubectl get -o yaml` or a file of a release has it.
const std::string& Text(int services) {
  static auto* const texts = new std::map<int, std::string>;
  std::string& text = (*texts)[services];
  if (services > kCluster && text.empty()) text = GenerateCluster(services - kCluster);
  if (text.empty()) {
    for (const GeneratedFile& file : GenerateConfig(services)) {
      absl::StrAppend(&text, file.yaml, "---\n");
    }
  }
  return text;
}

config::SnapshotPtr ReadAll(int services) {
  config::ReadResult read = config::ReadYaml("all.yaml", Text(services));
  if (!read.errors.empty()) {
    std::cerr << read.errors[0].ToString() << "\n";
    std::abort();
  }
  return config::Snapshot::Of(std::move(read.resources));
}

// Each size is read once: the measurements come in a random order.
config::SnapshotPtr Snapshot(int services) {
  static auto* const snapshots = new std::map<int, config::SnapshotPtr>;
  config::SnapshotPtr& snapshot = (*snapshots)[services];
  if (snapshot == nullptr) snapshot = ReadAll(services);
  return snapshot;
}

void LibyamlEvents(benchmark::State& state) {
  const std::string& text = Text(state.range(0));
  for (auto _ : state) {
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
    for (bool done = false; !done;) {
      yaml_event_t event;
      if (yaml_parser_parse(&parser, &event) == 0) std::abort();
      done = event.type == YAML_STREAM_END_EVENT;
      yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
  }
  state.SetBytesProcessed(state.iterations() * text.size());
}

void Read(benchmark::State& state) {
  const std::string& text = Text(state.range(0));
  for (auto _ : state) {
    config::ReadResult read = config::ReadYaml("all.yaml", text);
    state.PauseTiming();
    benchmark::DoNotOptimize(read);
    read = config::ReadResult();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * text.size());
}

void Validate(benchmark::State& state) {
  const config::SnapshotPtr snapshot = Snapshot(state.range(0));
  for (auto _ : state) {
    for (const config::KindInfo& info : config::AllKinds()) {
      for (const config::ResourcePtr& object : snapshot->List(info.kind)) {
        benchmark::DoNotOptimize(config::ValidateResource(*object));
      }
    }
  }
}

// Leaves nothing of a configuration in the caches, whatever its size: so each check finds it when
// it is its turn among the others.
void EmptyCaches() {
  static auto* const much = new std::vector<char>(64 << 20);
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < much->size(); i += 64) ++(*much)[i];
  }
  benchmark::DoNotOptimize(much->data());
}

void AnalyzeSnapshot(benchmark::State& state, const config::SnapshotPtr& snapshot,
                     const std::vector<std::string>& checks) {
  analysis::Options options;
  options.checks = checks;
  size_t findings = 0;
  for (auto _ : state) {
    state.PauseTiming();
    EmptyCaches();
    state.ResumeTiming();
    findings = analysis::Analyze(*snapshot, options).size();
  }
  state.counters["findings"] = findings;
}

void Analyze(benchmark::State& state, const std::vector<std::string>& checks) {
  AnalyzeSnapshot(state, Snapshot(state.range(0)), checks);
}

void AnalyzeCluster(benchmark::State& state, const std::vector<std::string>& checks) {
  AnalyzeSnapshot(state, Snapshot(kCluster + state.range(0)), checks);
}

// The wait of a person who saved a file: its bytes are there, the findings are wanted.
void Edit(benchmark::State& state, const std::string& kind) {
  const int services = state.range(0);
  config::Store store;
  config::SourceUpdate all;
  for (const GeneratedFile& file : GenerateConfig(services)) {
    config::Unit unit;
    unit.name = file.name;
    unit.content = config::ReadYaml(file.name, file.yaml);
    all.units.push_back(std::move(unit));
  }
  analysis::Analyzer analyzer;
  analyzer.Update(store.Apply(std::move(all)).snapshot);
  size_t findings = 0;
  int edit = 0;
  for (auto _ : state) {
    const int number = ++edit % std::min(services, 50);
    std::string yaml;
    std::string name;
    if (kind == "VirtualService") {
      yaml = GenerateVirtualService(number, services);
      name = absl::StrCat("virtual-service-", number, ".yaml");
    } else if (kind == "DestinationRule") {
      yaml = GenerateDestinationRule(number, services);
      name = absl::StrCat("destination-rule-", number, ".yaml");
    } else {
      yaml = GenerateGateway(number, services);
      name = absl::StrCat("gateway-", number, ".yaml");
    }
    yaml.insert(0, edit % 2 == 0 ? "# edited\n" : "");
    if (edit % 4 < 2) {
      // A subset and a host that the others do not mean.
      const size_t at = yaml.rfind("v2");
      if (at != std::string::npos) yaml.replace(at, 2, "v7");
    }
    config::SourceUpdate update;
    update.units.emplace_back();
    update.units[0].name = name;
    update.units[0].content = config::ReadYaml(name, yaml);
    const config::ApplyResult applied = store.Apply(std::move(update));
    findings = analyzer.Update(applied.snapshot).size();
    if (analyzer.last_work().everything) state.SkipWithError("analysed everything again");
  }
  state.counters["findings"] = findings;
}

void Register() {
  using benchmark::RegisterBenchmark;
  const auto ms = benchmark::kMillisecond;
  RegisterBenchmark("events/libyaml", LibyamlEvents)->Arg(10000)->Unit(ms);
  RegisterBenchmark("read", Read)->Arg(10000)->Unit(ms);
  for (int services : {10000, 20000}) {
    RegisterBenchmark("validate", Validate)->Arg(services)->Unit(ms);
    RegisterBenchmark("analyze", [](benchmark::State& state) { Analyze(state, {}); })
        ->Arg(services)
        ->Unit(ms);
    for (const std::string& check : analysis::CheckNames()) {
      RegisterBenchmark(("check/" + check).c_str(),
                        [check](benchmark::State& state) { Analyze(state, {check}); })
          ->Arg(services)
          ->Iterations(3)
          ->Unit(ms);
      RegisterBenchmark(("cluster/" + check).c_str(),
                        [check](benchmark::State& state) { AnalyzeCluster(state, {check}); })
          ->Arg(services * 3 / 20)
          ->Iterations(3)
          ->Unit(ms);
    }
  }
  for (const char* kind : {"VirtualService", "DestinationRule", "Gateway"}) {
    RegisterBenchmark((std::string("edit/") + kind).c_str(),
                      [kind](benchmark::State& state) { Edit(state, kind); })
        ->Arg(10000)
        ->Unit(ms);
  }
}

// Of the process, whatever else the machine does.
double CpuMilliseconds() { return 1e3 * std::clock() / CLOCKS_PER_SEC; }

int MeasureOnce(int services) {
  Text(services);  // which is not to be measured
  const double begin = CpuMilliseconds();
  const config::SnapshotPtr snapshot = ReadAll(services);
  const double read = CpuMilliseconds();
  const size_t findings = analysis::Analyze(*snapshot).size();
  const double end = CpuMilliseconds();
  long most_kb = 0;  // as /proc/self/status says
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) most_kb = std::strtol(line.c_str() + 6, nullptr, 10);
  }
  std::cout << "{\"objects\": " << snapshot->size() << ", \"findings\": " << findings
            << ", \"read_ms\": " << read - begin << ", \"analyze_ms\": " << end - read
            << ", \"most_mb\": " << most_kb / 1024 << "}\n";
  return 0;
}

// Writes the file that programs are to analyse: one, as some open all that they are given at once.
int Write(const std::string& path, int services) {
  std::ofstream(path) << Text(services);
  return 0;
}

}  // namespace
}  // namespace mesh::benchmarks

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--once") == 0) {
    return mesh::benchmarks::MeasureOnce(std::atoi(argv[2]));
  }
  if (argc == 4 && std::strcmp(argv[1], "--write") == 0) {
    return mesh::benchmarks::Write(argv[2], std::atoi(argv[3]));
  }
  // What one round gave back the next one gets, instead of asking the kernel for it page by page.
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most there is
  mesh::benchmarks::Register();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
