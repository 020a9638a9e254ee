#include "mesh/local/load.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::local {

PageVerdict JudgePage(int status, std::string_view body) {
  PageVerdict verdict;
  if (status != 200) {
    verdict.failure = absl::StrCat("status ", status, ": ", Absl(body.substr(0, 200)));
    return verdict;
  }
  constexpr std::string_view kVersion = "data-reviews-version=\"";
  if (const size_t at = body.find(kVersion); at != std::string_view::npos) {
    const std::string_view rest = body.substr(at + kVersion.size());
    verdict.version = std::string(rest.substr(0, rest.find('"')));
  }
  if (body.find("<title>Simple Bookstore App</title>") == std::string_view::npos) {
    verdict.failure = "a page without its title";
  } else if (body.find("Error fetching product details!") != std::string_view::npos) {
    verdict.failure = "a page without the book's details";
  } else if (verdict.version.empty()) {
    verdict.failure = "a page without reviews";
  } else if (body.find("Ratings service is currently unavailable") != std::string_view::npos) {
    verdict.failure = "reviews without ratings";
  }
  return verdict;
}

Load::Load(LoadOptions options) : options_(std::move(options)), started_(absl::Now()) {
  for (int i = 0; i < options_.connections; ++i) threads_.emplace_back([this] { Ask(); });
}

void Load::Ask() {
  HttpConnection connection(options_.address, options_.port);
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (stop_ || (options_.requests > 0 && asked_ == options_.requests)) return;
      const uint64_t number = asked_++;
      if (options_.per_second > 0) {
        const absl::Time due =
            started_ + absl::Seconds(static_cast<double>(number) / options_.per_second);
        const auto deadline =
            std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(due - absl::Now());
        while (!stop_ && stopped_.WaitUntil(&mutex_, deadline)) {
        }
        if (stop_) return;
      }
    }
    const absl::StatusOr<HttpResponse> response =
        connection.Get(options_.path, options_.headers, options_.timeout);
    PageVerdict verdict;
    if (response.ok()) {
      verdict = JudgePage(response->status, response->body);
    } else {
      verdict.failure = std::string(response.status().message());
    }
    MutexLock lock(&mutex_);
    ++counts_.requests;
    if (!verdict.version.empty()) ++counts_.by_version[verdict.version];
    if (!verdict.failure.empty()) {
      ++counts_.failed;
      if (counts_.failures.size() < 10) counts_.failures.push_back(verdict.failure);
    }
  }
}

LoadCounts Load::Counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

LoadCounts Load::Finish() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return Counts();
}

LoadCounts Load::Stop() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  stopped_.NotifyAll();
  return Finish();
}

}  // namespace mesh::local
