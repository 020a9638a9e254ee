// The configuration of a mesh under test: named YAML documents, kept beside the control planes that
// come and go.
#ifndef MESH_TESTING_DOCUMENTS_H_
#define MESH_TESTING_DOCUMENTS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "mesh/base/mutex.h"
#include "mesh/config/source.h"

namespace mesh::testing {

// Thread-safe. Each change is one SourceUpdate to the source last made, on the changing thread.
class Documents {
 public:
  explicit Documents(std::string mesh_config) : mesh_config_(std::move(mesh_config)) {}

  // A source with all documents as they are when it starts, and their changes from then on. One at
  // a time: a second one takes the first one's place. This outlives it.
  std::unique_ptr<config::Source> MakeSource();

  // Sets (or, with nothing, removes) a document. With `revision` the same update sets the object by
  // which a control plane's snapshot shows that it holds this change: a Namespace kRevision with
  // the label "revision".
  // InvalidArgument with all that is wrong in it, one a line; the document is set all the same.
  absl::Status Change(const std::string& name, std::optional<std::string> yaml, int revision);

  // Nothing where there is none of that name.
  std::optional<std::string> Find(const std::string& name) const;
  std::map<std::string, std::string> All() const;

  static constexpr char kRevision[] = "mesh-testing-revision";

 private:
  class Feed;
  void Attach(Feed* feed, const config::Source::Callback& callback);
  void Detach(const Feed* feed);

  const std::string mesh_config_;
  mutable Mutex mutex_;
  std::map<std::string, std::string> texts_ ABSL_GUARDED_BY(mutex_);
  int revision_ ABSL_GUARDED_BY(mutex_) = 0;
  const Feed* feed_ ABSL_GUARDED_BY(mutex_) = nullptr;
  config::Source::Callback callback_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::testing

#endif  // MESH_TESTING_DOCUMENTS_H_
