#include "mesh/source/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::source {
namespace {

constexpr int kMaxDepth = 64;

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat(Absl(what), ": ", std::strerror(error)));
}

class Scanner {
 public:
  explicit Scanner(const std::function<void(const std::string&)>& before_listing)
      : before_listing_(before_listing) {}

  void Path(const std::string& path) {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) {
      tree_.unreadable[path] = ErrnoStatus(errno, "cannot be read");
    } else if (S_ISDIR(info.st_mode)) {
      Directory(path, 0);
    } else {
      File(path, info);
    }
  }

  FileTree Take() { return std::move(tree_); }

 private:
  void File(const std::string& path, const struct stat& info) {
    tree_.files[path] = StampOf(info);
    struct stat link;
    if (::lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) return;
    char resolved[PATH_MAX];
    if (::realpath(path.c_str(), resolved) != nullptr) {
      tree_.link_targets[path] = DirectoryOf(resolved);
    }
  }

  void Directory(const std::string& path, int depth) {
    if (depth > kMaxDepth) {
      tree_.unreadable[path] = absl::FailedPreconditionError(
          absl::StrCat("is nested deeper than ", kMaxDepth, " directories"));
      return;
    }
    before_listing_(path);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(path.c_str()), ::closedir);
    if (listing == nullptr) {
      tree_.unreadable[path] = ErrnoStatus(errno, "cannot be read");
      return;
    }
    tree_.directories.push_back(path);
    std::vector<std::string> subdirectories;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(listing.get());
      if (entry == nullptr) {
        if (errno != 0) tree_.unreadable[path] = ErrnoStatus(errno, "cannot be read to its end");
        break;
      }
      const std::string_view name = entry->d_name;
      if (name[0] == '.') continue;
      const bool config = IsConfigFile(name);
      if (!config && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
      std::string child = absl::StrCat(path, absl::EndsWith(path, "/") ? "" : "/", Absl(name));
      struct stat info;
      if (::lstat(child.c_str(), &info) != 0) continue;  // deleted since
      if (S_ISDIR(info.st_mode)) {
        subdirectories.push_back(std::move(child));
        continue;
      }
      if (!config) continue;
      if (S_ISLNK(info.st_mode) && ::stat(child.c_str(), &info) != 0) continue;  // to nowhere
      if (S_ISREG(info.st_mode)) File(child, info);
    }
    for (const std::string& child : subdirectories) Directory(child, depth + 1);
  }

  const std::function<void(const std::string&)>& before_listing_;
  FileTree tree_;
};

}  // namespace

bool operator==(const FileStamp& a, const FileStamp& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.modified_ns == b.modified_ns && a.changed_ns == b.changed_ns;
}

FileStamp StampOf(const struct stat& info) {
  const auto nanos = [](const timespec& t) {
    return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
  };
  return FileStamp{info.st_dev, info.st_ino, info.st_size, nanos(info.st_mtim),
                   nanos(info.st_ctim)};
}

bool IsConfigFile(std::string_view name) {
  return !name.empty() && name[0] != '.' &&
         (absl::EndsWith(Absl(name), ".yaml") || absl::EndsWith(Absl(name), ".yml") ||
          absl::EndsWith(Absl(name), ".json"));
}

std::string_view BaseName(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string DirectoryOf(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

FileTree ScanFiles(const std::vector<std::string>& paths,
                   const std::function<void(const std::string&)>& before_listing) {
  Scanner scanner(before_listing);
  for (const std::string& path : paths) scanner.Path(path);
  return scanner.Take();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoStatus(errno, "cannot be opened");
  struct stat info;
  std::string bytes;
  absl::Status status;
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) bytes.reserve(info.st_size + 1);
  const auto too_large = [&](int64_t size) {
    return absl::ResourceExhaustedError(
        absl::StrCat("has ", size, " bytes, at most ", max_bytes, " are read"));
  };
  if (S_ISREG(info.st_mode) && info.st_size > static_cast<int64_t>(max_bytes)) {
    ::close(fd);
    return too_large(info.st_size);
  }
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      status = ErrnoStatus(errno, "cannot be read");
      break;
    }
    bytes.append(buffer, n);
    if (bytes.size() > max_bytes) {
      status = too_large(bytes.size());
      break;
    }
  }
  ::close(fd);
  if (!status.ok()) return status;
  return bytes;
}

}  // namespace mesh::source
