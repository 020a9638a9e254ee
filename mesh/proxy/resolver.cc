#include "mesh/proxy/resolver.h"

#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mesh::proxy {
namespace {

absl::StatusOr<std::vector<Address>> Ask(const std::string& name, Resolver::Family family) {
  addrinfo hints = {};
  hints.ai_family = family == Resolver::Family::kIpv4
                        ? AF_INET
                        : (family == Resolver::Family::kIpv6 ? AF_INET6 : AF_UNSPEC);
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve \"", name, "\": ", gai_strerror(error)));
  }
  std::vector<Address> out;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    const Address address = Address::FromSockaddr(a->ai_addr).WithPort(0);
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  freeaddrinfo(found);
  // IPv4 alone where both are known: Envoy's AUTO asks for the other only where one has none.
  const bool has_v4 =
      std::any_of(out.begin(), out.end(), [](const Address& a) { return a.family() == AF_INET; });
  if (family == Resolver::Family::kAny && has_v4) {
    out.erase(std::remove_if(out.begin(), out.end(),
                             [](const Address& a) { return a.family() != AF_INET; }),
              out.end());
  }
  return out;
}

}  // namespace

Resolver::~Resolver() { Stop(); }

void Resolver::Resolve(std::string name, Family family, Done done) {
  MutexLock lock(&mutex_);
  if (stop_) return;
  questions_.push_back({std::move(name), family, std::move(done)});
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "resolver");
  }
  more_.NotifyOne();
}

void Resolver::Stop() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    questions_.clear();
    thread.swap(thread_);
    more_.NotifyOne();
  }
  if (thread.joinable()) thread.join();
}

void Resolver::Run() {
  for (;;) {
    Question question;
    {
      MutexLock lock(&mutex_);
      while (questions_.empty() && !stop_) more_.Wait(&mutex_);
      if (stop_) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    absl::StatusOr<std::vector<Address>> answer = Ask(question.name, question.family);
    loop_->Post([done = std::move(question.done), answer = std::move(answer)] { done(answer); });
  }
}

}  // namespace mesh::proxy
