#include "mesh/testing/documents.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"

namespace mesh::testing {
namespace {

config::Unit UnitOf(const std::string& name, const std::string& yaml) {
  config::Unit unit;
  unit.name = name;
  unit.content = config::ReadYaml(name, yaml);
  return unit;
}

// Behind all others by name.
config::Unit RevisionUnit(int revision) {
  return UnitOf("~revision",
                absl::StrCat("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ",
                             Documents::kRevision, "\n  labels: {revision: \"", revision, "\"}\n"));
}

}  // namespace

class Documents::Feed final : public config::Source {
 public:
  explicit Feed(Documents* documents) : documents_(documents) {}
  ~Feed() override { Stop(); }
  absl::Status Start(Callback callback) override {
    documents_->Attach(this, callback);
    return absl::OkStatus();
  }
  void Stop() override { documents_->Detach(this); }

 private:
  Documents* const documents_;
};

std::unique_ptr<config::Source> Documents::MakeSource() { return std::make_unique<Feed>(this); }

void Documents::Attach(Feed* feed, const config::Source::Callback& callback) {
  MutexLock lock(&mutex_);
  config::SourceUpdate update;
  config::Unit mesh_config;
  mesh_config.name = "mesh.yaml (MeshConfig)";
  mesh_config.content = config::ReadMeshConfig("mesh.yaml", mesh_config_);
  update.units.push_back(std::move(mesh_config));
  for (const auto& [name, yaml] : texts_) update.units.push_back(UnitOf(name, yaml));
  update.units.push_back(RevisionUnit(revision_));
  callback(std::move(update));
  feed_ = feed;
  callback_ = callback;
}

void Documents::Detach(const Feed* feed) {
  MutexLock lock(&mutex_);
  if (feed_ != feed) return;
  feed_ = nullptr;
  callback_ = nullptr;
}

absl::Status Documents::Change(const std::string& name, std::optional<std::string> yaml,
                               int revision) {
  MutexLock lock(&mutex_);
  std::vector<std::string> errors;
  config::Unit unit;
  unit.name = name;
  if (yaml.has_value()) {
    unit = UnitOf(name, *yaml);
    for (const FieldError& error : unit.content.errors) errors.push_back(error.ToString());
    for (const config::ResourcePtr& resource : unit.content.resources) {
      for (const FieldError& error : config::ValidateResource(*resource)) {
        errors.push_back(error.ToString());
      }
    }
    texts_[name] = *std::move(yaml);
  } else {
    unit.state = config::Unit::State::kGone;
    texts_.erase(name);
  }
  revision_ = revision;
  if (callback_) {
    config::SourceUpdate update;
    update.units.push_back(std::move(unit));
    update.units.push_back(RevisionUnit(revision));
    callback_(std::move(update));
  }
  return errors.empty() ? absl::OkStatus()
                        : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

std::optional<std::string> Documents::Find(const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto it = texts_.find(name);
  if (it == texts_.end()) return std::nullopt;
  return it->second;
}

std::map<std::string, std::string> Documents::All() const {
  MutexLock lock(&mutex_);
  return texts_;
}

}  // namespace mesh::testing
