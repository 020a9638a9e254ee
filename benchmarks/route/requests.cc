#include "benchmarks/route/requests.h"

#include <algorithm>
#include <random>

namespace mesh::bench {

std::vector<int> Targets(int n, Order order, size_t count) {
  std::mt19937_64 random(42);
  std::vector<int> targets(count, n - 1);
  if (order == Order::kLast) return targets;
  if (order == Order::kUniform) {
    for (int& target : targets) target = static_cast<int>(random() % n);
    return targets;
  }
  std::vector<double> upto(n);
  double sum = 0;
  for (int i = 0; i < n; ++i) upto[i] = sum += 1.0 / (i + 1);
  for (int& target : targets) {
    const double at = sum * (random() % (1ull << 53)) / (1ull << 53);
    target = static_cast<int>(std::lower_bound(upto.begin(), upto.end(), at) - upto.begin());
    target = static_cast<int>((target * 7919ll) % n);
  }
  return targets;
}

size_t FindHeader(const ReadHeaders& map, std::string_view name, std::string_view* values,
                  size_t capacity) {
  size_t found = 0;
  for (size_t i = 0; i < map.count; ++i) {
    if (map.headers[i].name != name) continue;
    if (found < capacity) values[found] = map.headers[i].value;
    ++found;
  }
  return found;
}

Requests::Requests(Kind kind, const std::vector<int>& targets) {
  for (const int target : targets) {
    const bench::Asked one = RequestFor(kind, target);
    own_headers_ = one.tenant.empty() ? 0 : one.stage.empty() ? 1 : 2;
    asked_.push_back(
        {one.method,
         static_cast<uint32_t>(texts_.size()),
         static_cast<uint16_t>(one.path.size()),
         {static_cast<uint8_t>(one.tenant.size()), static_cast<uint8_t>(one.stage.size())}});
    texts_ += one.path + one.tenant + one.stage;
  }
}

Requests::Reader::Reader(const Requests& requests) : requests_(requests) {
  headers_ = {{{"user-agent", "bench"},
               {"accept", "*/*"},
               {"x-request-id", "1234"},
               {"x-tenant", ""},
               {"x-stage", ""}},
              kShared + requests.own_headers_};
  request_.authority = "shop.example";
  request_.headers = http::Headers(headers_);
}

}  // namespace mesh::bench
