// One thread's loop: descriptors, timers, work from other threads, and what must wait for the end
// of a turn.
//
// A turn is: wait; run posted work; handle each event; fire timers; flush what was written; delete
// what was given up. So work that was posted before a byte was sent runs before the byte is read,
// and nothing is deleted while an event of the same turn may still name it.
#ifndef MESH_PROXY_EVENT_LOOP_H_
#define MESH_PROXY_EVENT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/network.h"

namespace mesh::proxy {

class EventLoop;

// Steady time in nanoseconds since an arbitrary moment.
using Nanos = int64_t;
constexpr Nanos kMillisecond = 1000 * 1000;
inline Nanos ToNanos(absl::Duration d) {
  return d == absl::InfiniteDuration() ? INT64_MAX / 2 : absl::ToInt64Nanoseconds(d);
}

// Whoever listens to a descriptor. Deleted through EventLoop::DeleteLater only.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void OnReady(const ReadyEvent& event) = 0;
  // At the end of a turn in which FlushLater was called.
  virtual void Flush() {}

 private:
  friend class EventLoop;
  bool flush_queued_ = false;
};

// A deadline. Cheap to move further away: an armed timer stays where it is in the heap and is put
// right when it comes up. Must not outlive its loop.
class Timer {
 public:
  Timer(EventLoop* loop, std::function<void()> fire) : loop_(loop), fire_(std::move(fire)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once, `after` from now; replaces an earlier deadline. Zero or less fires next turn.
  void Arm(Nanos after);
  void Disarm() { deadline_ = 0; }
  bool armed() const { return deadline_ != 0; }

 private:
  friend class EventLoop;
  EventLoop* const loop_;
  const std::function<void()> fire_;
  Nanos deadline_ = 0;   // when to fire; 0: not at all
  Nanos heap_key_ = 0;   // what the heap is ordered by: never later than deadline_
  int heap_index_ = -1;  // -1: not in the heap
};

// Not thread-safe but for Post and Stop.
class EventLoop {
 public:
  explicit EventLoop(std::unique_ptr<Network> network);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Network& network() { return *network_; }
  // As of the beginning of this turn; Refresh reads the clock.
  Nanos now() const { return now_; }
  Nanos Refresh();

  // Runs turns until Stop.
  void Run();
  // One turn, waiting for at most `timeout_ms`.
  void Turn(int timeout_ms);
  void Stop();
  // Runs `work` on the loop's thread in the order posted. After the last turn it is dropped.
  void Post(std::function<void()> work);

  // Calls handler->Flush() before this turn ends (once, however often it is asked for).
  void FlushLater(EventHandler* handler);
  void DeleteLater(std::unique_ptr<EventHandler> handler);
  // A handler that goes away in another way than DeleteLater must be forgotten first.
  void Forget(EventHandler* handler);

  // 64 KiB that one handler may use while it handles an event.
  char* scratch() { return scratch_.get(); }
  static constexpr size_t kScratchBytes = 64 * 1024;

 private:
  friend class Timer;
  class Waker;

  void FireTimers();
  void SiftUp(int index);
  void SiftDown(int index);
  void Place(int index, Timer* timer);
  void RemoveTimer(Timer* timer);
  void InsertTimer(Timer* timer);
  int TimeoutMs() const;
  void RunPosted();

  const std::unique_ptr<Network> network_;
  const std::unique_ptr<char[]> scratch_;
  std::unique_ptr<Waker> waker_;
  Nanos now_ = 0;
  std::vector<Timer*> heap_;
  std::vector<EventHandler*> flush_;
  std::vector<std::unique_ptr<EventHandler>> garbage_;
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_EVENT_LOOP_H_
