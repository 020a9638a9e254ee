// Where configuration comes from: the interface that a directory, the Kubernetes API and etcd fill.
#ifndef MESH_CONFIG_SOURCE_H_
#define MESH_CONFIG_SOURCE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mesh/config/read.h"

namespace mesh::config {

// How a file ends: what tells one that was cut off from the one that it was.
struct Extent {
  uint64_t size = 0;       // in bytes
  bool line_feed = false;  // its last byte is one
};

// One file, or whatever a source reads as a whole, as it is now.
struct Unit {
  enum class State {
    kRead,        // `content` is what it holds, with whatever errors
    kUnreadable,  // there, but could not be read: what it held stays in force
    kGone,        // no longer there, and neither is what it held
  };
  // Names the unit for good, such as its path. Units are ordered by name: of two that hold the same
  // object the first one's is in force.
  std::string name;
  State state = State::kRead;
  ReadResult content;
  // Of the bytes that `content` was read from, where the source knows. A unit that was cut off
  // counts as unreadable.
  std::optional<Extent> extent;
  absl::Status problem;  // of kUnreadable
};

// What changed at a source since it last said something.
struct SourceUpdate {
  std::vector<Unit> units;
};

// Implementations say which thread calls back. Start and Stop are called by one thread.
class Source {
 public:
  using Callback = std::function<void(SourceUpdate)>;
  virtual ~Source() = default;

  // Calls back once with everything there is before it returns, on the calling thread, and from
  // then on with what changes, one call at a time. An error, and no call, where the source cannot
  // be used at all. At most once in the life of a source.
  virtual absl::Status Start(Callback callback) = 0;

  // Returns when the last callback has run. Not to be called from the callback.
  virtual void Stop() = 0;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_SOURCE_H_
