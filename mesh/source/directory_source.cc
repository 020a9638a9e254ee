// How it follows. Every directory below the paths is watched by inotify, and the directories that
// hold the paths themselves, and those that symbolic links lead to.
// 1. An event about a configuration file marks that file; any other event that could mean more or
//    fewer files (directories, links, lost events) marks everything.
// 2. Once it is quiet, what is marked is compared by its stamp with what was seen last, and read
//    where it differs. A watch is set before its directory is listed, so nothing falls between.
// 3. A file that was modified and not closed yet is passed over: closing it is an event.

#include "mesh/source/directory_source.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mesh/base/strings.h"
#include "mesh/source/file_tree.h"

namespace mesh::source {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// How often a path that is not there is looked for.
constexpr absl::Duration kRetry = absl::Milliseconds(500);

// All paths, the mesh's settings among them.
std::vector<std::string> AllPaths(const DirectorySourceOptions& options) {
  std::vector<std::string> paths = options.paths;
  if (!options.mesh_config.empty()) paths.push_back(options.mesh_config);
  return paths;
}

config::Unit ReadUnit(const DirectorySourceOptions& options, const std::string& path) {
  config::Unit unit;
  unit.name = path;
  const absl::StatusOr<std::string> bytes = ReadFile(path, options.read.max_bytes);
  if (absl::IsNotFound(bytes.status())) {
    unit.state = config::Unit::State::kGone;
    return unit;
  }
  unit.problem = bytes.status();
  if (!unit.problem.ok()) {
    unit.state = config::Unit::State::kUnreadable;
    return unit;
  }
  unit.extent = config::Extent{bytes->size(), !bytes->empty() && bytes->back() == '\n'};
  unit.content = path == options.mesh_config ? config::ReadMeshConfig(path, *bytes, options.read)
                                             : config::ReadYaml(path, *bytes, options.read);
  return unit;
}

config::Unit UnreadableUnit(const std::string& path, absl::Status problem) {
  config::Unit unit;
  unit.name = path;
  unit.state = config::Unit::State::kUnreadable;
  unit.problem = std::move(problem);
  return unit;
}

config::Unit GoneUnit(const std::string& path) {
  config::Unit unit;
  unit.name = path;
  unit.state = config::Unit::State::kGone;
  return unit;
}

// Somebody has created it and will close it: a link would have content.
bool IsNewAndEmpty(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 &&
         info.st_size == 0;
}

bool IsBelow(const std::string& path, const std::string& directory) {
  return path == directory || (absl::StartsWith(path, directory) &&
                               (absl::EndsWith(directory, "/") || path[directory.size()] == '/'));
}

}  // namespace

class DirectorySource::Follower {
 public:
  explicit Follower(DirectorySourceOptions options)
      : options_(std::move(options)),
        paths_(AllPaths(options_)),
        log_(options_.log == nullptr ? LogSink::Null() : options_.log) {}

  ~Follower() {
    Stop();
    if (inotify_ >= 0) ::close(inotify_);
    if (wake_ >= 0) ::close(wake_);
  }

  absl::Status Start(Callback callback) {
    if (started_) return absl::FailedPreconditionError("the source was started before");
    started_ = true;
    callback_ = std::move(callback);
    inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inotify_ < 0 || wake_ < 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot watch files: ", std::strerror(errno),
                       "; raise fs.inotify.max_user_instances or the limit of open files"));
    }
    config::SourceUpdate first = Rescan();
    for (const std::string& path : paths_) {
      const auto problem = unreadable_.find(path);
      if (problem != unreadable_.end()) {
        return absl::Status(problem->second.code(),
                            absl::StrCat(path, ": ", problem->second.message()));
      }
    }
    if (!watch_problem_.empty()) return absl::ResourceExhaustedError(watch_problem_);
    callback_(std::move(first));
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "mesh-source");
    return absl::OkStatus();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
    thread_.join();
  }

 private:
  void Run() {
    for (;;) {
      const bool retry = !unreadable_.empty() || !watch_problem_.empty();
      if (!Wait(retry ? kRetry : absl::InfiniteDuration())) return;
      if (retry) everything_ = true;
      // Gather what belongs together: an editor's rename, a checkout of many files.
      const absl::Time latest = absl::Now() + 10 * options_.debounce;
      while (TakeEvents() && absl::Now() < latest) {
        if (!Wait(options_.debounce)) return;
      }
      config::SourceUpdate update = everything_ ? Rescan() : ReadMarked();
      if (!update.units.empty()) callback_(std::move(update));
    }
  }

  // Until there are events or the time is over; false: stop.
  bool Wait(absl::Duration timeout) {
    pollfd fds[2] = {{inotify_, POLLIN, 0}, {wake_, POLLIN, 0}};
    const int millis =
        timeout == absl::InfiniteDuration()
            ? -1
            : static_cast<int>(std::max<int64_t>(1, absl::ToInt64Milliseconds(timeout)));
    ::poll(fds, 2, millis);
    return (fds[1].revents & POLLIN) == 0;
  }

  // Whether there were any.
  bool TakeEvents() {
    alignas(inotify_event) char buffer[65536];
    bool any = false;
    for (;;) {
      const ssize_t n = ::read(inotify_, buffer, sizeof(buffer));
      if (n <= 0) return any;
      any = true;
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        Take(*event);
        at += sizeof(inotify_event) + event->len;
      }
    }
  }

  void Take(const inotify_event& event) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      everything_ = true;
      return;
    }
    const auto watch = watches_.find(event.wd);
    if (watch == watches_.end()) return;
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
      // A directory that was renamed keeps its watch under a wrong name.
      if ((event.mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(inotify_, event.wd);
      if ((event.mask & IN_IGNORED) != 0) Forget(event.wd);
      everything_ = true;
      return;
    }
    if (event.len == 0) return;
    const std::string_view name = event.name;
    for (const std::string& directory : watch->second) TakeNamed(event.mask, directory, name);
  }

  void TakeNamed(uint32_t mask, const std::string& directory, std::string_view name) {
    const std::string path =
        absl::StrCat(directory, absl::EndsWith(directory, "/") ? "" : "/", Absl(name));
    const bool listed = listed_.count(directory) > 0;
    const bool modified_only = (mask & (IN_MODIFY | IN_ATTRIB)) != 0;
    if (listed && (mask & IN_ISDIR) != 0) {
      if (name[0] != '.' || name.substr(0, 2) == "..") everything_ = true;
      return;
    }
    if (listed && IsConfigFile(name)) {
      if ((mask & IN_MODIFY) != 0 || ((mask & IN_CREATE) != 0 && IsNewAndEmpty(path))) {
        being_written_.insert(path);
        return;
      }
      being_written_.erase(path);
      marked_.insert(path);
      return;
    }
    if (listed && name.substr(0, 2) == ".." && !modified_only) everything_ = true;
    if (link_directories_.count(directory) > 0 && !modified_only) everything_ = true;
    for (const std::string& root : paths_) {
      if (BaseName(root) != name || DirectoryOf(root) != directory) continue;
      if (files_.count(root) == 0) {
        everything_ = true;
      } else if ((mask & IN_MODIFY) != 0) {
        being_written_.insert(root);
      } else {
        being_written_.erase(root);
        marked_.insert(root);
      }
    }
  }

  void Forget(int wd) {
    const auto watch = watches_.find(wd);
    if (watch == watches_.end()) return;
    for (const std::string& directory : watch->second) watched_.erase(directory);
    watches_.erase(watch);
  }

  void Watch(const std::string& directory) {
    // Set anew each time: the directory of that name may be another one now.
    const int wd = ::inotify_add_watch(inotify_, directory.c_str(), kEvents);
    if (wd < 0) {
      if (errno == ENOSPC || errno == ENOMEM) {
        watch_problem_ = absl::StrCat("cannot watch ", directory, ": ", std::strerror(errno),
                                      "; raise fs.inotify.max_user_watches");
      }
      return;
    }
    const auto old = watched_.find(directory);
    if (old != watched_.end() && old->second != wd) {
      const auto watch = watches_.find(old->second);
      if (watch != watches_.end()) {
        watch->second.erase(directory);
        if (watch->second.empty()) {
          ::inotify_rm_watch(inotify_, old->second);
          watches_.erase(watch);
        }
      }
    }
    watched_[directory] = wd;
    watches_[wd].insert(directory);
  }

  // Looks at everything and reads what differs from what was seen.
  config::SourceUpdate Rescan() {
    everything_ = false;
    marked_.clear();
    const std::string old_watch_problem = std::exchange(watch_problem_, "");
    config::SourceUpdate update;
    std::set<std::string> listed;
    for (const std::string& path : paths_) Watch(DirectoryOf(path));
    FileTree tree = ScanFiles(paths_, [&](const std::string& directory) {
      Watch(directory);
      listed.insert(directory);
    });
    listed_ = std::move(listed);
    link_directories_.clear();
    for (const auto& [file, directory] : tree.link_targets) {
      if (link_directories_.insert(directory).second) Watch(directory);
    }
    if (!watch_problem_.empty() && watch_problem_ != old_watch_problem) {
      log_->Log(LogLevel::kWarning, "source",
                absl::StrCat(watch_problem_, "; looking every half second instead"));
    }

    for (const auto& [path, stamp] : tree.files) {
      const auto known = files_.find(path);
      if (known != files_.end() && known->second == stamp) continue;
      if (known != files_.end() && being_written_.count(path) > 0) continue;
      config::Unit unit = ReadUnit(options_, path);
      if (unit.state == config::Unit::State::kGone) continue;
      files_[path] = stamp;
      update.units.push_back(std::move(unit));
    }
    // Gone is what its directory was looked through for and not found.
    for (auto file = files_.begin(); file != files_.end();) {
      const std::string& path = file->first;
      const bool there = tree.files.count(path) > 0;
      const bool unknown =
          std::any_of(tree.unreadable.begin(), tree.unreadable.end(),
                      [&](const auto& entry) { return IsBelow(path, entry.first); });
      if (there || unknown) {
        ++file;
        continue;
      }
      update.units.push_back(GoneUnit(path));
      being_written_.erase(path);
      file = files_.erase(file);
    }
    for (const auto& [path, problem] : tree.unreadable) {
      const auto known = unreadable_.find(path);
      if (known != unreadable_.end() && known->second == problem) continue;
      update.units.push_back(UnreadableUnit(path, problem));
    }
    for (const auto& [path, problem] : unreadable_) {
      if (tree.unreadable.count(path) > 0) continue;
      if (tree.files.count(path) == 0) {
        update.units.push_back(GoneUnit(path));  // only the complaint is
      } else if (std::none_of(update.units.begin(), update.units.end(),
                              [&, p = &path](const config::Unit& u) { return u.name == *p; })) {
        update.units.push_back(ReadUnit(options_, path));
      }
    }
    unreadable_ = std::move(tree.unreadable);
    std::sort(update.units.begin(), update.units.end(),
              [](const config::Unit& a, const config::Unit& b) { return a.name < b.name; });
    return update;
  }

  // The common case: some files changed and nothing else did.
  config::SourceUpdate ReadMarked() {
    config::SourceUpdate update;
    for (const std::string& path : std::exchange(marked_, {})) {
      if (being_written_.count(path) > 0) continue;
      struct stat info;
      struct stat link;
      if (::lstat(path.c_str(), &link) != 0 || ::stat(path.c_str(), &info) != 0) {
        if (std::find(paths_.begin(), paths_.end(), path) != paths_.end()) {
          everything_ = true;  // one of the paths themselves
        } else if (files_.erase(path) > 0) {
          update.units.push_back(GoneUnit(path));
        }
        continue;
      }
      if (!S_ISREG(info.st_mode)) continue;
      const FileStamp stamp = StampOf(info);
      const auto known = files_.find(path);
      if (known != files_.end() && known->second == stamp) continue;
      if (S_ISLNK(link.st_mode)) everything_ = true;  // to watch what it points to
      config::Unit unit = ReadUnit(options_, path);
      if (unit.state == config::Unit::State::kGone) {
        everything_ = true;
        continue;
      }
      files_[path] = stamp;
      update.units.push_back(std::move(unit));
    }
    if (everything_) {
      config::SourceUpdate rest = Rescan();
      std::move(rest.units.begin(), rest.units.end(), std::back_inserter(update.units));
    }
    return update;
  }

  const DirectorySourceOptions options_;
  const std::vector<std::string> paths_;
  LogSink* const log_;
  Callback callback_;
  bool started_ = false;
  int inotify_ = -1;
  int wake_ = -1;
  std::thread thread_;

  // Below: Start's thread, then the follower's.
  std::map<int, std::set<std::string>> watches_;  // one directory may be known by several names
  std::map<std::string, int> watched_;
  std::set<std::string> listed_;            // directories whose files are ours
  std::set<std::string> link_directories_;  // directories that links lead to
  std::map<std::string, FileStamp> files_;
  std::map<std::string, absl::Status> unreadable_;
  std::set<std::string> being_written_;
  std::set<std::string> marked_;
  bool everything_ = false;
  std::string watch_problem_;
};

DirectorySource::DirectorySource(DirectorySourceOptions options)
    : follower_(std::make_unique<Follower>(std::move(options))) {}

DirectorySource::~DirectorySource() = default;

absl::Status DirectorySource::Start(Callback callback) {
  return follower_->Start(std::move(callback));
}

void DirectorySource::Stop() { follower_->Stop(); }

config::SourceUpdate ReadFiles(const DirectorySourceOptions& options) {
  config::SourceUpdate update;
  const FileTree tree = ScanFiles(AllPaths(options), [](const std::string&) {});
  for (const auto& [path, stamp] : tree.files) {
    update.units.push_back(ReadUnit(options, path));
  }
  for (const auto& [path, problem] : tree.unreadable) {
    update.units.push_back(UnreadableUnit(path, problem));
  }
  std::sort(update.units.begin(), update.units.end(),
            [](const config::Unit& a, const config::Unit& b) { return a.name < b.name; });
  return update;
}

}  // namespace mesh::source
