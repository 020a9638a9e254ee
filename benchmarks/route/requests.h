// The requests that a table is asked, held so that reading them costs no more than reading what a
// parser has just read: their texts side by side, in the order asked, and all else in one place.
#ifndef BENCHMARKS_ROUTE_REQUESTS_H_
#define BENCHMARKS_ROUTE_REQUESTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/route/tables.h"
#include "mesh/http/headers.h"
#include "mesh/route/request.h"

namespace mesh::bench {

enum class Order {
  kUniform,
  kZipf,  // popular rules stand anywhere, not first
  kLast,  // the last rule, always
};

// `count` rules out of `n`; the same with every call.
std::vector<int> Targets(int n, Order order, size_t count);

// A request's headers, as a parser leaves them.
struct ReadHeaders {
  struct Header {
    std::string_view name, value;
  };
  Header headers[5];
  size_t count = 0;
};
size_t FindHeader(const ReadHeaders& map, std::string_view name, std::string_view* values,
                  size_t capacity);

class Requests {
 public:
  Requests(Kind kind, const std::vector<int>& targets);

  // One reader's place in the list; the requests must outlive it.
  class Reader {
   public:
    explicit Reader(const Requests& requests);
    // The next request, after the last the first again. Valid until the next call.
    const route::Request& Next() {
      const Asked& one = requests_.asked_[at_];
      at_ = at_ + 1 == requests_.asked_.size() ? 0 : at_ + 1;
      const char* text = requests_.texts_.data() + one.text;
      request_.path = std::string_view(text, one.path_size);
      request_.method = one.method;
      text += one.path_size;
      for (size_t i = 0; i < requests_.own_headers_; ++i) {
        headers_.headers[kShared + i].value = std::string_view(text, one.value_size[i]);
        text += one.value_size[i];
      }
      return request_;
    }

   private:
    const Requests& requests_;
    size_t at_ = 0;
    ReadHeaders headers_;
    route::Request request_;
  };

 private:
  static constexpr size_t kShared = 3;  // headers that all requests have alike
  struct Asked {
    const char* method;
    uint32_t text;
    uint16_t path_size;
    uint8_t value_size[2];
  };
  std::vector<Asked> asked_;
  std::string texts_;
  size_t own_headers_ = 0;
};

}  // namespace mesh::bench

#endif  // BENCHMARKS_ROUTE_REQUESTS_H_
