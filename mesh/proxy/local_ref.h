// Counting references on one thread, without an atomic.
#ifndef MESH_PROXY_LOCAL_REF_H_
#define MESH_PROXY_LOCAL_REF_H_

#include <utility>

namespace mesh::proxy {

// To derive from. Never shared between threads.
class LocalCounted {
 public:
  LocalCounted() = default;
  LocalCounted(const LocalCounted&) = delete;
  LocalCounted& operator=(const LocalCounted&) = delete;
  virtual ~LocalCounted() = default;

 private:
  template <class T>
  friend class Ref;
  int refs_ = 0;
};

// Keeps a LocalCounted alive.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) { Retain(); }
  Ref(const Ref& other) : object_(other.object_) { Retain(); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { reset(); }

  void reset() {
    T* const object = std::exchange(object_, nullptr);
    if (object != nullptr && --object->refs_ == 0) delete object;
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  void Retain() {
    if (object_ != nullptr) ++object_->refs_;
  }
  T* object_ = nullptr;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_LOCAL_REF_H_
