#include "mesh/proxy/event_loop.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace mesh::proxy {

// Ends the wait of a loop that other threads have work for.
class EventLoop::Waker final : public EventHandler {
 public:
  explicit Waker(Network* network) : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    network->Watch(fd_, this, {/*reads=*/true, /*writes=*/false});
  }
  ~Waker() override { close(fd_); }
  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof(one));
  }
  void OnReady(const ReadyEvent&) override {
    uint64_t count;
    [[maybe_unused]] const ssize_t n = read(fd_, &count, sizeof(count));
  }

 private:
  const int fd_;
};

Timer::~Timer() {
  if (heap_index_ >= 0) loop_->RemoveTimer(this);
}

void Timer::Arm(Nanos after) {
  deadline_ = loop_->now() + std::max<Nanos>(after, 1);
  if (heap_index_ >= 0) {
    if (heap_key_ <= deadline_) return;  // comes up earlier and is put right then
    loop_->RemoveTimer(this);
  }
  loop_->InsertTimer(this);
}

EventLoop::EventLoop(std::unique_ptr<Network> network)
    : network_(std::move(network)),
      scratch_(new char[kScratchBytes]),
      waker_(new Waker(network_.get())) {
  Refresh();
}

EventLoop::~EventLoop() {
  garbage_.clear();
  for (Timer* timer : heap_) timer->heap_index_ = -1;
}

Nanos EventLoop::Refresh() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  now_ = t.tv_sec * 1000000000LL + t.tv_nsec;
  return now_;
}

void EventLoop::Run() {
  while (!stop_.load(std::memory_order_relaxed)) Turn(-1);
}

void EventLoop::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  waker_->Wake();
}

void EventLoop::Post(std::function<void()> work) {
  {
    MutexLock lock(&mutex_);
    posted_.push_back(std::move(work));
  }
  waker_->Wake();
}

void EventLoop::Turn(int timeout_ms) {
  const int until_timer = TimeoutMs();
  if (timeout_ms < 0 || (until_timer >= 0 && until_timer < timeout_ms)) timeout_ms = until_timer;
  ReadyEvent events[64];
  const int n = network_->Wait(events, 64, timeout_ms);
  Refresh();
  // The waker is silenced before its work is taken: whoever posts in between wakes the next turn.
  EventHandler* const waker = waker_.get();
  for (int i = 0; i < n; ++i) {
    if (events[i].handler != waker) continue;
    waker->OnReady(events[i]);
    RunPosted();
  }
  for (int i = 0; i < n; ++i) {
    auto* const handler = static_cast<EventHandler*>(events[i].handler);
    if (handler != waker) handler->OnReady(events[i]);
  }
  FireTimers();
  // Flushing may write more: a full pipe that empties lets its source go on.
  for (size_t i = 0; i < flush_.size(); ++i) {
    EventHandler* handler = flush_[i];
    if (handler == nullptr) continue;
    handler->flush_queued_ = false;
    handler->Flush();
  }
  flush_.clear();
  while (!garbage_.empty()) {
    std::vector<std::unique_ptr<EventHandler>> garbage;
    garbage.swap(garbage_);
    for (const auto& handler : garbage) Forget(handler.get());
  }
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> work;
  {
    MutexLock lock(&mutex_);
    work.swap(posted_);
  }
  for (const auto& w : work) w();
}

void EventLoop::FlushLater(EventHandler* handler) {
  if (handler->flush_queued_) return;
  handler->flush_queued_ = true;
  flush_.push_back(handler);
}

void EventLoop::DeleteLater(std::unique_ptr<EventHandler> handler) {
  garbage_.push_back(std::move(handler));
}

void EventLoop::Forget(EventHandler* handler) {
  if (handler->flush_queued_) {
    for (EventHandler*& queued : flush_) {
      if (queued == handler) queued = nullptr;
    }
    handler->flush_queued_ = false;
  }
}

int EventLoop::TimeoutMs() const {
  if (heap_.empty()) return -1;
  const Nanos left = heap_[0]->heap_key_ - now_;
  if (left <= 0) return 0;
  return static_cast<int>(std::min<Nanos>((left + kMillisecond - 1) / kMillisecond, 1 << 30));
}

void EventLoop::FireTimers() {
  while (!heap_.empty() && heap_[0]->heap_key_ <= now_) {
    Timer* timer = heap_[0];
    RemoveTimer(timer);
    if (timer->deadline_ == 0) continue;
    if (timer->deadline_ > timer->heap_key_) {  // moved since it was put in
      InsertTimer(timer);
      continue;
    }
    timer->deadline_ = 0;
    timer->fire_();
  }
}

void EventLoop::Place(int index, Timer* timer) {
  heap_[index] = timer;
  timer->heap_index_ = index;
}

void EventLoop::SiftUp(int index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const int parent = (index - 1) / 2;
    if (heap_[parent]->heap_key_ <= timer->heap_key_) break;
    Place(index, heap_[parent]);
    index = parent;
  }
  Place(index, timer);
}

void EventLoop::SiftDown(int index) {
  Timer* timer = heap_[index];
  const int size = static_cast<int>(heap_.size());
  for (;;) {
    int child = 2 * index + 1;
    if (child >= size) break;
    if (child + 1 < size && heap_[child + 1]->heap_key_ < heap_[child]->heap_key_) ++child;
    if (timer->heap_key_ <= heap_[child]->heap_key_) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, timer);
}

void EventLoop::InsertTimer(Timer* timer) {
  timer->heap_key_ = timer->deadline_;
  heap_.push_back(timer);
  SiftUp(static_cast<int>(heap_.size()) - 1);
}

void EventLoop::RemoveTimer(Timer* timer) {
  const int index = timer->heap_index_;
  timer->heap_index_ = -1;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == timer) return;
  Place(index, last);
  SiftUp(index);
  SiftDown(last->heap_index_);
}

}  // namespace mesh::proxy
