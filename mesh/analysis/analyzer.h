// Findings that follow a configuration while it changes.
#ifndef MESH_ANALYSIS_ANALYZER_H_
#define MESH_ANALYSIS_ANALYZER_H_

#include <memory>
#include <vector>

#include "mesh/analysis/analyze.h"
#include "mesh/config/snapshot.h"

namespace mesh::analysis {

// Says at each step what Analyze says of the same snapshot, and looks anew only at what a change
// can have an effect on.
//
//   Analyzer analyzer;
//   source.Start([&](config::SourceUpdate update) {
//     Show(analyzer.Update(store.Apply(std::move(update)).snapshot));
//   });
//
// Cost of Update: where VirtualServices, DestinationRules, Gateways, Sidecars or policies changed,
// that of looking at these and at those that name them, and of copying the findings; where
// workloads, services, namespaces or the options changed, that of Analyze. It keeps the last
// snapshot and some 2 kB an object. Not thread-safe.
class Analyzer {
 public:
  Analyzer();
  ~Analyzer();
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;

  std::vector<Finding> Update(config::SnapshotPtr snapshot, const Options& options = {});

  // How many objects the last Update looked at by themselves, and whether it was everything.
  struct Work {
    bool everything = false;
    size_t objects = 0;
  };
  const Work& last_work() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_ANALYZER_H_
