// Fetches the keys of tokens' issuers, so that translation finds them in what it is given.
//
//   KeyFetcher keys({.on_change = [&] { ... }, .log = &log});
//   keys.Want(translate::KeySetUris(snapshot));
//   keys.WaitTried(absl::Seconds(2));
//   options.key_sets = keys.keys();
#ifndef MESH_DISCOVERY_KEY_FETCHER_H_
#define MESH_DISCOVERY_KEY_FETCHER_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/translate/key_sets.h"

namespace mesh::discovery {

struct KeyFetcherOptions {
  // Who writes a RequestAuthentication makes this process ask whomever it names. So loopback,
  // link-local, private and other addresses that are not the Internet's are asked only where they
  // stand here: "10.1.0.0/16", "127.0.0.1". Names are judged by the addresses they resolve to, and
  // so is every place that an answer redirects to; what was judged is what is connected to.
  std::vector<std::string> allowed;
  absl::Duration refresh = absl::Minutes(20);
  // After a failure; twice as long after each that follows, up to `refresh`.
  absl::Duration retry = absl::Seconds(10);
  // Keys that can no longer be fetched are kept so long, then refused.
  absl::Duration keep = absl::Hours(24);
  absl::Duration timeout = absl::Seconds(5);  // of one answer
  size_t max_bytes = 1 << 20;
  // On the fetcher's thread, when keys() is another.
  std::function<void()> on_change;
  LogSink* log = LogSink::Null();  // component "keys"; never the keys
};

// Thread: "key-fetcher", which asks one place at a time. Thread-safe.
class KeyFetcher {
 public:
  explicit KeyFetcher(KeyFetcherOptions options);
  ~KeyFetcher();  // stops
  KeyFetcher(const KeyFetcher&) = delete;
  KeyFetcher& operator=(const KeyFetcher&) = delete;

  // What is to be fetched from now on; the rest is forgotten.
  void Want(const std::set<std::string>& uris);
  // Those that are good now; and, as the entry "", what stands for the others: a set that verifies
  // nothing, as its private key was thrown away when this object was made.
  std::shared_ptr<const translate::KeySets> keys() const;
  // Waits until all that is wanted has been asked for once. False when `timeout` passed first.
  bool WaitTried(absl::Duration timeout) const;
  void Stop();

 private:
  struct Place {
    std::string keys;  // empty: none yet
    absl::Time fetched = absl::InfinitePast();
    absl::Time next = absl::InfinitePast();
    absl::Duration wait;
    bool tried = false;
  };
  void Work();
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KeyFetcherOptions options_;
  const std::string unusable_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::map<std::string, Place> places_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const translate::KeySets> keys_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// One key set: the JSON text that stands at `uri`, or where its OpenID configuration says.
// PermissionDenied for an address that may not be asked, InvalidArgument for what is no http(s) URI
// or no key set, Unavailable for all else.
absl::StatusOr<std::string> FetchKeySet(const std::string& uri, const KeyFetcherOptions& options);

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_KEY_FETCHER_H_
