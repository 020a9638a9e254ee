// A source for tests: units are what the test says they are.
#ifndef MESH_CONFIG_FAKE_SOURCE_H_
#define MESH_CONFIG_FAKE_SOURCE_H_

#include <map>
#include <string>
#include <utility>

#include "mesh/config/source.h"

namespace mesh::config {

// Calls back on the thread that calls Set, Remove or Break. Not thread-safe.
//
//   FakeSource source;
//   source.Set("a.yaml", "apiVersion: v1\nkind: Namespace\n...");
//   source.Start(callback);             // has a.yaml
//   source.Set("a.yaml", "...");        // the callback again
class FakeSource final : public Source {
 public:
  absl::Status Start(Callback callback) override {
    callback_ = std::move(callback);
    SourceUpdate update;
    for (const auto& [name, yaml] : files_) update.units.push_back(Read(name, yaml));
    callback_(std::move(update));
    return absl::OkStatus();
  }
  void Stop() override { callback_ = nullptr; }

  void Set(const std::string& name, const std::string& yaml) {
    files_[name] = yaml;
    Tell(Read(name, yaml));
  }
  void Remove(const std::string& name) {
    files_.erase(name);
    Unit unit;
    unit.name = name;
    unit.state = Unit::State::kGone;
    Tell(std::move(unit));
  }
  // It cannot be read any more.
  void Break(const std::string& name, absl::Status problem) {
    Unit unit;
    unit.name = name;
    unit.state = Unit::State::kUnreadable;
    unit.problem = std::move(problem);
    Tell(std::move(unit));
  }

 private:
  static Unit Read(const std::string& name, const std::string& yaml) {
    Unit unit;
    unit.name = name;
    unit.content = ReadYaml(name, yaml);
    unit.extent = Extent{yaml.size(), !yaml.empty() && yaml.back() == '\n'};
    return unit;
  }
  void Tell(Unit unit) {
    if (!callback_) return;
    SourceUpdate update;
    update.units.push_back(std::move(unit));
    callback_(std::move(update));
  }

  std::map<std::string, std::string> files_;
  Callback callback_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_FAKE_SOURCE_H_
