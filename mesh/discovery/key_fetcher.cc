#include "mesh/discovery/key_fetcher.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mesh/tls/key.h"

namespace mesh::discovery {

namespace {

// A set of one public key whose private key nobody has.
std::string KeysOfNobody() {
  const absl::StatusOr<tls::PrivateKey> key = tls::PrivateKey::Generate();
  if (!key.ok()) return R"({"keys":[]})";
  const std::string& der = key->public_key().der();  // ends in the point's two coordinates
  return absl::StrCat(R"({"keys":[{"kty":"EC","crv":"P-256","x":")",
                      absl::WebSafeBase64Escape(der.substr(der.size() - 64, 32)), R"(","y":")",
                      absl::WebSafeBase64Escape(der.substr(der.size() - 32)), "\"}]}");
}

}  // namespace

KeyFetcher::KeyFetcher(KeyFetcherOptions options)
    : options_(std::move(options)),
      unusable_(KeysOfNobody()),
      keys_(std::make_shared<const translate::KeySets>(translate::KeySets{{"", unusable_}})) {
  thread_ = std::thread([this] { Work(); });
  pthread_setname_np(thread_.native_handle(), "key-fetcher");
}

KeyFetcher::~KeyFetcher() { Stop(); }

void KeyFetcher::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void KeyFetcher::Want(const std::set<std::string>& uris) {
  MutexLock lock(&mutex_);
  for (auto it = places_.begin(); it != places_.end();) {
    it = uris.count(it->first) > 0 ? std::next(it) : places_.erase(it);
  }
  for (const std::string& uri : uris) places_.try_emplace(uri);
  Publish();
  changed_.NotifyAll();
}

std::shared_ptr<const translate::KeySets> KeyFetcher::keys() const {
  MutexLock lock(&mutex_);
  return keys_;
}

bool KeyFetcher::WaitTried(absl::Duration timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  MutexLock lock(&mutex_);
  const auto all_tried = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return std::all_of(places_.begin(), places_.end(),
                       [](const auto& p) { return p.second.tried; });
  };
  while (!stopping_ && !all_tried()) {
    if (!changed_.WaitUntil(&mutex_, deadline)) return all_tried();
  }
  return !stopping_;
}

void KeyFetcher::Publish() {
  translate::KeySets now = {{"", unusable_}};
  for (const auto& [uri, place] : places_) {
    if (!place.keys.empty()) now.emplace(uri, place.keys);
  }
  if (now != *keys_) keys_ = std::make_shared<const translate::KeySets>(std::move(now));
}

void KeyFetcher::Work() {
  for (;;) {
    std::string uri;
    {
      MutexLock lock(&mutex_);
      for (;;) {
        if (stopping_) return;
        absl::Time soonest = absl::InfiniteFuture();
        for (const auto& [name, place] : places_) {
          if (place.next < soonest) {
            soonest = place.next;
            uri = name;
          }
        }
        const absl::Time now = absl::Now();
        if (soonest <= now) break;
        const absl::Duration wait = std::min(soonest - now, absl::Hours(1));
        (void)changed_.WaitUntil(
            &mutex_, std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait));
      }
    }
    const absl::StatusOr<std::string> fetched = FetchKeySet(uri, options_);
    bool other = false;
    {
      MutexLock lock(&mutex_);
      const auto found = places_.find(uri);
      if (found == places_.end()) continue;
      Place& place = found->second;
      const absl::Time now = absl::Now();
      if (fetched.ok()) {
        place.keys = *fetched;
        place.fetched = now;
        place.wait = absl::ZeroDuration();
        place.next = now + options_.refresh;
      } else {
        place.wait = std::clamp(place.wait * 2, options_.retry, options_.refresh);
        place.next = now + place.wait;
        if (now - place.fetched > options_.keep) place.keys.clear();
      }
      place.tried = true;
      const auto before = keys_;
      Publish();
      other = keys_ != before;
      changed_.NotifyAll();
    }
    if (!fetched.ok()) {
      options_.log->Log(
          LogLevel::kWarning, "keys",
          absl::StrCat("keys of ", uri, ": ", std::string(fetched.status().message())));
    }
    if (other && options_.on_change) options_.on_change();
  }
}

}  // namespace mesh::discovery
