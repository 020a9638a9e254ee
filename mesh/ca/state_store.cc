#include "mesh/ca/state_store.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"

namespace mesh::ca {
namespace {

absl::Status CheckName(std::string_view name) {
  bool good = !name.empty() && name[0] != '.';
  for (char c : name) {
    good &= absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-';
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", Absl(name), "\" names no state"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryStore>> DirectoryStore::Open(std::string directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", directory));
  }
  struct stat info;
  if (stat(directory.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at ", directory));
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(directory, " is no directory"));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(directory, " holds private keys and is open to others: chmod 700 it"));
  }
  return std::unique_ptr<DirectoryStore>(new DirectoryStore(std::move(directory)));
}

absl::StatusOr<std::string> DirectoryStore::Read(std::string_view name) const {
  if (absl::Status good = CheckName(name); !good.ok()) return good;
  return ReadFile(absl::StrCat(directory_, "/", Absl(name)));
}

absl::Status DirectoryStore::Write(std::string_view name, std::string_view bytes) {
  if (absl::Status good = CheckName(name); !good.ok()) return good;
  MutexLock lock(&mutex_);
  return ReplaceFile(absl::StrCat(directory_, "/", Absl(name)), bytes, 0600);
}

absl::StatusOr<std::string> MemoryStore::Read(std::string_view name) const {
  MutexLock lock(&mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("no ", Absl(name)));
  return found->second;
}

absl::Status MemoryStore::Write(std::string_view name, std::string_view bytes) {
  if (absl::Status good = CheckName(name); !good.ok()) return good;
  MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  entries_[std::string(name)] = std::string(bytes);
  return absl::OkStatus();
}

void MemoryStore::FailWrites(absl::Status why) {
  MutexLock lock(&mutex_);
  failure_ = std::move(why);
}

}  // namespace mesh::ca
