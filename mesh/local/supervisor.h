// Starts child processes, notices when they end, starts them again, and ends them all.
//
//   Supervisor supervisor({.log = &log});
//   absl::Status started = supervisor.Start(
//       {.name = "meshd", .argv = {"bin/meshd", "--config=mesh"}, .log_file = "run/meshd.log"});
//   ...
//   supervisor.StopAll(absl::Seconds(5));
//
// Every child leads a process group of its own (a terminal's Ctrl-C does not reach it), has no
// standard input, writes both outputs to its log file, inherits no other descriptor, and is killed
// by the kernel when this process dies, however it dies.
#ifndef MESH_LOCAL_SUPERVISOR_H_
#define MESH_LOCAL_SUPERVISOR_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"

namespace mesh::local {

struct ProcessSpec {
  std::string name;               // unique; how the other calls name it
  std::vector<std::string> argv;  // argv[0] is the program's path
  std::string log_file;           // appended to; created for its owner only
};

struct ProcessState {
  std::string name;
  pid_t pid = 0;  // 0: not running
  int restarts = 0;
  std::string last_exit;  // "exit code 1", "signal 9 (Killed)"; "" when it never ended
};

// Threads: one of its own, which forks, waits and calls `on_exit`. (The kernel ties a child to the
// thread that forked it, so it has to be one that stays.) All methods are thread-safe; those that
// wait must not be called from `on_exit`.
class Supervisor {
 public:
  struct Options {
    LogSink* log = LogSink::Null();  // component "supervisor"
    // A child has ended; `state.pid` is 0. `wanted` when nobody asked it to end: it will be started
    // again.
    std::function<void(const ProcessState& state, bool wanted)> on_exit;
    // How long after its end a child is started again: doubled each time up to `max_delay`, back
    // to `min_delay` once one has run for `max_delay`.
    absl::Duration min_delay = absl::Milliseconds(250);
    absl::Duration max_delay = absl::Seconds(5);
  };

  explicit Supervisor(Options options);
  ~Supervisor();  // kills what still runs
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Waits until the program runs. NotFound/PermissionDenied/Internal when it cannot be executed or
  // its log file not be opened; AlreadyExists when a child of that name runs or is about to.
  absl::Status Start(const ProcessSpec& spec);
  // Ends a child for good: SIGTERM, and SIGKILL to its group when it still runs after `grace`.
  // Waits until it has ended. NotFound when there is none of that name. grace 0 kills at once.
  absl::Status Stop(const std::string& name, absl::Duration grace);
  // The same for several at once, and for all.
  void StopEach(const std::vector<std::string>& names, absl::Duration grace);
  void StopAll(absl::Duration grace);

  // All that were started, by name.
  std::vector<ProcessState> States() const;

 private:
  struct Child {
    ProcessSpec spec;
    ProcessState state;
    int pid_fd = -1;
    bool wanted = false;
    absl::Time started = absl::InfinitePast();
    absl::Duration delay;
    absl::Time start_at = absl::InfiniteFuture();  // when to start it again
    absl::Time kill_at = absl::InfiniteFuture();   // when SIGTERM was not enough
  };

  void Loop();
  // On the thread: runs `work` there and waits.
  void OnThread(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Fork(Child* child) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Reap(Child* child) ABSL_LOCKS_EXCLUDED(mutex_);
  void Wake();
  void StopWhere(const std::function<bool(const std::string&)>& chosen, absl::Duration grace);

  const Options options_;
  const pid_t own_pid_;
  int wake_fd_ = -1;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::unique_ptr<Child>> children_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// "exit code 1", "signal 9 (Killed)": a wait status in words.
std::string DescribeExit(int wait_status);

}  // namespace mesh::local

#endif  // MESH_LOCAL_SUPERVISOR_H_
