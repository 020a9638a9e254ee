// How routing and authorization read headers out of a map that belongs to somebody else.
#ifndef MESH_HTTP_HEADERS_H_
#define MESH_HTTP_HEADERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh::http {

// A view of any header map, without a copy of anything in it. A map type joins by a function beside
// it, found by its argument:
//
//   // Writes up to `capacity` values of `name` (lower case) in the order received; returns how
//   many
//   // there are. The values live as long as the map is not changed.
//   size_t FindHeader(const MyMap& map, std::string_view name, std::string_view* values,
//                     size_t capacity);
//   ...
//   http::Headers headers(my_map);
//
// Two words; pass it by value. The map must outlive it. As thread-safe as the map's const
// functions.
class Headers {
 public:
  using FindFunction = size_t (*)(const void* map, std::string_view name, std::string_view* values,
                                  size_t capacity);

  // A map without headers.
  constexpr Headers() = default;
  constexpr Headers(const void* map, FindFunction find) : map_(map), find_(find) {}
  template <class Map>
  explicit Headers(const Map& map)
      : map_(&map),
        find_([](const void* m, std::string_view name, std::string_view* values, size_t capacity) {
          return static_cast<size_t>(
              FindHeader(*static_cast<const Map*>(m), name, values, capacity));
        }) {}

  // How many values `name` has; the first `capacity` of them are written to `values`.
  size_t Find(std::string_view name, std::string_view* values, size_t capacity) const {
    return find_ == nullptr ? 0 : find_(map_, name, values, capacity);
  }
  bool Has(std::string_view name) const { return Find(name, nullptr, 0) > 0; }
  std::optional<std::string_view> First(std::string_view name) const {
    std::string_view value;
    if (Find(name, &value, 1) == 0) return std::nullopt;
    return value;
  }

 private:
  const void* map_ = nullptr;
  FindFunction find_ = nullptr;
};

// A header map a request or response can be edited through. Names are lower case. What a proxy
// implements once for its own map.
class MutableHeaders {
 public:
  virtual ~MutableHeaders() = default;
  virtual size_t Find(std::string_view name, std::string_view* values, size_t capacity) const = 0;
  // Adds one more value.
  virtual void Add(std::string_view name, std::string_view value) = 0;
  // One value instead of whatever there was.
  virtual void Set(std::string_view name, std::string_view value) = 0;
  virtual void Remove(std::string_view name) = 0;

  // The same map, to be read.
  Headers view() const {
    return Headers(this, [](const void* map, std::string_view name, std::string_view* values,
                            size_t capacity) {
      return static_cast<const MutableHeaders*>(map)->Find(name, values, capacity);
    });
  }
};

// A list of headers, for tests and tools; a proxy has a better map of its own.
class HeaderList final : public MutableHeaders {
 public:
  HeaderList() = default;
  HeaderList(std::initializer_list<std::pair<std::string, std::string>> entries);

  size_t Find(std::string_view name, std::string_view* values, size_t capacity) const override;
  void Add(std::string_view name, std::string_view value) override;
  void Set(std::string_view name, std::string_view value) override;
  void Remove(std::string_view name) override;

  // In the order added; names as lower case.
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

// All values of one name as one, joined by ',' (RFC 9110 §5.3). One value is a view of itself; more
// are joined in `scratch`, on the heap only where they are longer than it.
class JoinedHeader {
 public:
  JoinedHeader(const Headers& headers, std::string_view name);
  JoinedHeader(const JoinedHeader&) = delete;
  JoinedHeader& operator=(const JoinedHeader&) = delete;

  bool present() const { return present_; }
  // "" where not present. Valid as long as this object and the map.
  std::string_view value() const { return value_; }

 private:
  static constexpr size_t kValues = 16;
  static constexpr size_t kScratch = 1024;
  bool present_ = false;
  std::string_view value_;
  char scratch_[kScratch];
  std::string overflow_;
};

}  // namespace mesh::http

#endif  // MESH_HTTP_HEADERS_H_
