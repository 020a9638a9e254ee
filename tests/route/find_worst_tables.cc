// Looks for tables for which Find costs most beside the scan: hill climbing over the bytes that
// rules are made of, instructions counted.
//
//   find_worst_tables [--rules 16] [--steps 300] [--seed 1] [TABLE ...]
//
//   find_worst_tables --kept
//
// Prints each table that is worse than all before, as the text that kept_tables.cc keeps; of TABLEs
// given, their costs. --kept: a line of JSON for each table that is kept, and for those of ten
// rules.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "tests/route/worst_tables.h"

namespace mesh::testing {
namespace {

void Print(const std::vector<RuleGene>& genes, const Cost& cost) {
  std::printf("%.3f (worst request %.2f; %llu against %llu instructions): %s\n", cost.ratio(),
              cost.worst_request, static_cast<unsigned long long>(cost.index),
              static_cast<unsigned long long>(cost.scan), ToText(genes).c_str());
  std::fflush(stdout);
}

RuleGene RandomGene(std::mt19937_64* random) {
  const uint64_t bits = (*random)();
  // Half of the rules have no conditions.
  return {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8),
          static_cast<uint8_t>((bits >> 16 & 1) != 0 ? 0 : bits >> 24),
          static_cast<uint8_t>(bits >> 32)};
}

void Search(size_t rules, int steps, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<RuleGene> best;
  Cost best_cost;
  int since = 0;
  double worst = 0;
  for (int step = 0; step < steps; ++step) {
    std::vector<RuleGene> next = best;
    if (best.empty() || since > 60) {
      // From somewhere else.
      next.clear();
      best_cost = {};
      since = 0;
      const RuleGene like = RandomGene(&random);
      const bool alike = random() % 2 == 0;
      for (size_t i = 0; i < 2 + random() % (rules - 1); ++i) {
        next.push_back(alike ? like : RandomGene(&random));
        next.back().path += static_cast<uint8_t>(alike ? 8 * i : 0);
      }
    } else {
      for (int i = 1 + random() % 3; i > 0; --i) {
        RuleGene& gene = next[random() % next.size()];
        switch (random() % 8) {
          case 0:
            gene.kind = static_cast<uint8_t>(random());
            break;
          case 1:
            gene.path = static_cast<uint8_t>(random());
            break;
          case 2:
            gene.conditions ^= static_cast<uint8_t>(1 << random() % 6);
            break;
          case 3:
            gene.value = static_cast<uint8_t>(random());
            break;
          case 4:
            if (next.size() < rules) next.push_back(RandomGene(&random));
            break;
          case 5:
            if (next.size() > 2) next.erase(next.begin() + random() % next.size());
            break;
          case 6:
            std::swap(next[0], next[random() % next.size()]);
            break;
          case 7:
            gene = next[random() % next.size()];
            break;
        }
      }
    }
    const Cost cost = Measure(MakeTable(next));
    ++since;
    if (cost.ratio() <= best_cost.ratio()) continue;
    since = 0;
    best = next;
    best_cost = cost;
    if (cost.ratio() <= worst) continue;
    worst = cost.ratio();
    Print(best, cost);
  }
}

void PrintKept() {
  const auto print = [](const char* which, const std::vector<KeptTable>& tables) {
    for (const KeptTable& table : tables) {
      const Cost cost = Measure(MakeTable(table.genes));
      std::printf(
          "{\"which\": \"%s\", \"name\": \"%s\", \"ratio\": %.3f, \"worst_request\": %.3f}\n",
          which, table.name.c_str(), cost.ratio(), cost.worst_request);
    }
  };
  print("kept", KeptTables());
  print("ten", TablesOfTen());
  print("without_case", TablesWithoutCase());
}

}  // namespace
}  // namespace mesh::testing

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--kept") == 0) {
    mesh::testing::PrintKept();
    return 0;
  }
  size_t rules = 16;
  int steps = 300;
  uint64_t seed = 1;
  bool given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--rules" && i + 1 < argc) {
      rules = std::strtoul(argv[++i], nullptr, 10);
    } else if (flag == "--steps" && i + 1 < argc) {
      steps = std::atoi(argv[++i]);
    } else if (flag == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      given = true;
      const auto genes = mesh::testing::FromText(flag);
      mesh::testing::Print(genes, mesh::testing::Measure(mesh::testing::MakeTable(genes)));
    }
  }
  if (!given) mesh::testing::Search(rules, steps, seed);
  return 0;
}
