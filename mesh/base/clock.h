// Time as a dependency, so that a test can hold it.
#ifndef MESH_BASE_CLOCK_H_
#define MESH_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "mesh/base/mutex.h"

namespace mesh {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // The system's clock; lives forever.
  static const Clock* Real();
};

// Stands still until told otherwise.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::UnixEpoch()) : now_(now) {}
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh

#endif  // MESH_BASE_CLOCK_H_
