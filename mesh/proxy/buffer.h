// Bytes waiting to go out: appended at the end, taken from the front.
#ifndef MESH_PROXY_BUFFER_H_
#define MESH_PROXY_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace mesh::proxy {

// One piece of memory that grows by doubling and is given back when it is empty and large, so that
// an idle connection holds next to none. Not thread-safe.
class Buffer {
 public:
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return std::string_view(data_.get() + begin_, size()); }

  void Append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  // Adds `n` bytes at the end, for the caller to fill in before anything else is done.
  char* Extend(size_t n) {
    if (end_ + n > capacity_) Grow(n);
    char* const at = data_.get() + end_;
    end_ += n;
    return at;
  }
  void Consume(size_t n) {
    begin_ += n;
    if (begin_ == end_) Clear();
  }
  void Clear() {
    begin_ = end_ = 0;
    if (capacity_ > kKeepBytes) Release();
  }
  // Gives all memory back.
  void Release() {
    data_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  static constexpr size_t kKeepBytes = 8 * 1024;

  // Makes room for `n` bytes behind the last one.
  void Grow(size_t n) {
    const size_t used = size();
    if (used + n <= capacity_ && begin_ >= used) {
      std::memmove(data_.get(), data_.get() + begin_, used);
    } else {
      size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
      while (capacity < used + n) capacity *= 2;
      std::unique_ptr<char[]> larger(new char[capacity]);
      if (used > 0) std::memcpy(larger.get(), data_.get() + begin_, used);
      data_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> data_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_BUFFER_H_
