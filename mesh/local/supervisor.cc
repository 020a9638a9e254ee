#include "mesh/local/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mesh::local {
namespace {

// Between fork and exec only what is safe in a signal handler: another thread may have held any
// lock when this one forked. Reports errno through `failure` when the program cannot be executed.
[[noreturn]] void Become(char* const* argv, pid_t parent, int null_fd, int log_fd, int failure) {
  // Ends with the parent. Should it be gone already, so is the reason to run.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) signal(number, SIG_DFL);
  dup2(null_fd, STDIN_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  // Everything above standard error is closed by exec (`failure` among it), not before.
  syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
  execv(argv[0], argv);
  const int error = errno;
  (void)!write(failure, &error, sizeof(error));
  _exit(127);
}

}  // namespace

std::string DescribeExit(int wait_status) {
  if (WIFEXITED(wait_status)) return absl::StrCat("exit code ", WEXITSTATUS(wait_status));
  const int number = WTERMSIG(wait_status);
  return absl::StrCat("signal ", number, " (", strsignal(number), ")");
}

Supervisor::Supervisor(Options options) : options_(std::move(options)), own_pid_(getpid()) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { Loop(); });
}

Supervisor::~Supervisor() {
  StopAll(absl::ZeroDuration());
  {
    MutexLock lock(&mutex_);
    ending_ = true;
  }
  Wake();
  thread_.join();
  close(wake_fd_);
}

void Supervisor::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));
}

void Supervisor::OnThread(std::function<void()> work) {
  bool done = false;
  MutexLock lock(&mutex_);
  work_.push_back([this, &done, work = std::move(work)] {
    work();
    MutexLock lock(&mutex_);
    done = true;
    changed_.NotifyAll();
  });
  Wake();
  while (!done) changed_.Wait(&mutex_);
}

absl::Status Supervisor::Start(const ProcessSpec& spec) {
  absl::Status status;
  OnThread([&] {
    MutexLock lock(&mutex_);
    std::unique_ptr<Child>& child = children_[spec.name];
    if (child != nullptr && (child->wanted || child->state.pid != 0)) {
      status = absl::AlreadyExistsError(absl::StrCat("\"", spec.name, "\" runs already"));
      return;
    }
    if (child == nullptr) child = std::make_unique<Child>();
    child->spec = spec;
    child->state.name = spec.name;
    child->delay = options_.min_delay;
    child->start_at = child->kill_at = absl::InfiniteFuture();
    status = Fork(child.get());
    child->wanted = status.ok();
  });
  return status;
}

absl::Status Supervisor::Fork(Child* child) {
  const ProcessSpec& spec = child->spec;
  std::vector<char*> argv;
  for (const std::string& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int log_fd = open(spec.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log_fd < 0) {
    return absl::InternalError(
        absl::StrCat("cannot write log file ", spec.log_file, ": ", strerror(errno)));
  }
  const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) {
    close(log_fd);
    close(null_fd);
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", strerror(errno)));
  }
  const pid_t pid = fork();
  if (pid == 0) Become(argv.data(), own_pid_, null_fd, log_fd, failure[1]);
  const int fork_error = errno;
  close(failure[1]);
  close(log_fd);
  close(null_fd);
  if (pid < 0) {
    close(failure[0]);
    return absl::InternalError(
        absl::StrCat("cannot start ", spec.argv[0], ": ", strerror(fork_error)));
  }
  int error = 0;
  ssize_t n;
  do {
    n = read(failure[0], &error, sizeof(error));  // end of file: the program has been executed
  } while (n < 0 && errno == EINTR);
  close(failure[0]);
  if (n == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return absl::ErrnoToStatus(error, absl::StrCat("cannot execute ", spec.argv[0]).c_str());
  }
  child->pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  child->state.pid = pid;
  child->started = absl::Now();
  child->start_at = absl::InfiniteFuture();
  return absl::OkStatus();
}

void Supervisor::Reap(Child* child) {
  ProcessState state;
  bool wanted;
  {
    MutexLock lock(&mutex_);
    const pid_t pid = child->state.pid;
    // While its leader is not reaped the group's number cannot belong to another.
    kill(-pid, SIGKILL);
    int wait_status = 0;
    if (waitpid(pid, &wait_status, 0) != pid) return;
    close(child->pid_fd);
    child->pid_fd = -1;
    child->state.pid = 0;
    child->state.last_exit = DescribeExit(wait_status);
    child->kill_at = absl::InfiniteFuture();
    if (child->wanted) {
      const absl::Time now = absl::Now();
      if (now - child->started >= options_.max_delay) child->delay = options_.min_delay;
      child->start_at = now + child->delay;
      child->delay = std::min(child->delay * 2, options_.max_delay);
    }
    state = child->state;
    wanted = child->wanted;
  }
  options_.log->Log(wanted ? LogLevel::kWarning : LogLevel::kDebug, "supervisor",
                    absl::StrCat(state.name, " ended: ", state.last_exit,
                                 wanted ? "; it will be started again" : ""));
  if (options_.on_exit) options_.on_exit(state, wanted);
  MutexLock lock(&mutex_);
  changed_.NotifyAll();
}

void Supervisor::Loop() {
  while (true) {
    std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
    std::vector<Child*> polled = {nullptr};
    absl::Time next = absl::InfiniteFuture();
    {
      MutexLock lock(&mutex_);
      for (auto& [name, child] : children_) {
        if (child->state.pid != 0) {
          fds.push_back({child->pid_fd, POLLIN, 0});
          polled.push_back(child.get());
        }
        next = std::min({next, child->start_at, child->kill_at});
      }
      if (!work_.empty()) next = absl::InfinitePast();
    }
    int wait_ms = -1;
    if (next != absl::InfiniteFuture()) {
      wait_ms = static_cast<int>(
          std::clamp<int64_t>(absl::ToInt64Milliseconds(next - absl::Now()) + 1, 0, 1000000));
    }
    poll(fds.data(), fds.size(), wait_ms);
    uint64_t ignored;
    (void)!read(wake_fd_, &ignored, sizeof(ignored));
    for (size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents != 0) Reap(polled[i]);
    }

    std::deque<std::function<void()>> work;
    {
      MutexLock lock(&mutex_);
      const absl::Time now = absl::Now();
      for (auto& [name, child] : children_) {
        if (child->kill_at <= now && child->state.pid != 0) {
          options_.log->Log(LogLevel::kWarning, "supervisor",
                            absl::StrCat(name, " did not end in time and is killed"));
          kill(-child->state.pid, SIGKILL);
          child->kill_at = absl::InfiniteFuture();
        }
        if (child->start_at > now || !child->wanted) continue;
        const absl::Status status = Fork(child.get());
        if (status.ok()) {
          ++child->state.restarts;
          options_.log->Log(
              LogLevel::kInfo, "supervisor",
              absl::StrCat(name, " was started again, as process ", child->state.pid));
        } else {
          options_.log->Log(
              LogLevel::kError, "supervisor",
              absl::StrCat(name, " cannot be started again: ", std::string(status.message())));
          child->start_at = now + options_.max_delay;
        }
      }
      work.swap(work_);
      if (work.empty() && ending_) return;
    }
    for (const auto& item : work) item();
  }
}

void Supervisor::StopWhere(const std::function<bool(const std::string&)>& chosen,
                           absl::Duration grace) {
  OnThread([&] {
    MutexLock lock(&mutex_);
    for (auto& [name, child] : children_) {
      if (!chosen(name)) continue;
      child->wanted = false;
      child->start_at = absl::InfiniteFuture();
      if (child->state.pid == 0) continue;
      if (grace <= absl::ZeroDuration()) {
        kill(-child->state.pid, SIGKILL);
      } else {
        kill(child->state.pid, SIGTERM);
        child->kill_at = absl::Now() + grace;
      }
    }
  });
  MutexLock lock(&mutex_);
  const auto running = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const auto& [name, child] : children_) {
      if (chosen(name) && child->state.pid != 0) return true;
    }
    return false;
  };
  while (running()) changed_.Wait(&mutex_);
}

absl::Status Supervisor::Stop(const std::string& name, absl::Duration grace) {
  {
    MutexLock lock(&mutex_);
    if (children_.find(name) == children_.end()) {
      return absl::NotFoundError(absl::StrCat("there is no process \"", name, "\""));
    }
  }
  StopWhere([&](const std::string& candidate) { return candidate == name; }, grace);
  return absl::OkStatus();
}

void Supervisor::StopEach(const std::vector<std::string>& names, absl::Duration grace) {
  StopWhere(
      [&](const std::string& candidate) {
        return std::find(names.begin(), names.end(), candidate) != names.end();
      },
      grace);
}

void Supervisor::StopAll(absl::Duration grace) {
  StopWhere([](const std::string&) { return true; }, grace);
}

std::vector<ProcessState> Supervisor::States() const {
  MutexLock lock(&mutex_);
  std::vector<ProcessState> states;
  for (const auto& [name, child] : children_) states.push_back(child->state);
  return states;
}

}  // namespace mesh::local
