// A program of others that a test talks with, line by line.
#ifndef TESTS_CA_PEER_PROCESS_H_
#define TESTS_CA_PEER_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "mesh/base/mutex.h"

namespace mesh {

// Starts it; its input ends with this, upon which it has to end. Thread-safe.
class PeerProcess {
 public:
  // `on_line` gets what it writes, without the newline, on a thread of its own; but for the line
  // `port N`, in which such a program says where it listens.
  PeerProcess(const std::string& binary, std::function<void(absl::string_view)> on_line);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Waits for it; 0 when it ends before it says, or says nothing for a minute.
  int port();
  void Send(const std::string& line);

 private:
  void Read(int fd);

  const std::function<void(absl::string_view)> on_line_;
  pid_t pid_ = 0;
  int input_ = -1;
  std::thread reader_;
  Mutex mutex_;
  CondVar said_;
  int port_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace mesh

#endif  // TESTS_CA_PEER_PROCESS_H_
