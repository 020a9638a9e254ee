#include "mesh/local/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mesh::local {
namespace {

namespace fs = std::filesystem;

absl::Status CannotRead(const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListYamlFiles(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return CannotRead(path, errno);
  if (!S_ISDIR(info.st_mode)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator it(path, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (absl::StartsWith(name, ".")) {
      it.disable_recursion_pending();
      continue;
    }
    const std::string extension = it->path().extension().string();
    std::error_code ignored;
    if ((extension == ".yaml" || extension == ".yml" || extension == ".json") &&
        it->is_regular_file(ignored)) {
      files.push_back(it->path().string());
    }
  }
  if (error) return CannotRead(path, error.value());
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotRead(path, errno);
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      close(fd);
      return CannotRead(path, error);
    }
    text.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return text;
}

absl::Status WriteAtomically(const std::string& path, const std::string& text) {
  // A name that no reader of configuration looks at.
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  size_t written = 0;
  while (fd >= 0 && written < text.size()) {
    const ssize_t n = write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) written += static_cast<size_t>(n);
  }
  const bool ok = fd >= 0 && written == text.size() && close(fd) == 0 &&
                  std::rename(temporary.c_str(), path.c_str()) == 0;
  if (ok) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot write ", path, ": ", strerror(errno)));
}

}  // namespace mesh::local
