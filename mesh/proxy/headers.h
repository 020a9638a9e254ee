// The headers of one message: views into memory that lives as long as the message.
#ifndef MESH_PROXY_HEADERS_H_
#define MESH_PROXY_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mesh/http/headers.h"

namespace mesh::proxy {

// Memory for one message's text, given back as a whole and used again for the next message. Not
// thread-safe.
class Arena {
 public:
  // A copy that lives until Clear.
  std::string_view Copy(std::string_view text);
  // `a` and `b` as one.
  std::string_view Concat(std::string_view a, std::string_view b);
  // The number in decimal digits.
  std::string_view Decimal(uint64_t number);
  // `size` bytes, not initialised.
  char* Allocate(size_t size);
  void Clear();

 private:
  static constexpr size_t kBlockBytes = 2048;
  struct Block {
    std::unique_ptr<char[]> data;
    size_t size = 0;
  };
  std::vector<Block> blocks_;
  size_t block_ = 0;  // the one in use
  size_t used_ = 0;   // of it
};

// Names that the proxy itself acts on; everything else is kOther. An id is found once, when a
// header is read, so that looking for one of these compares no text.
enum class HeaderId : uint8_t {
  kOther,
  kAccept,
  kConnection,
  kContentLength,
  kDate,
  kExpect,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyConnection,
  kServer,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kXEnvoy,  // x-envoy-anything that has no id of its own
  kXEnvoyAttemptCount,
  kXEnvoyDecoratorOperation,
  kXEnvoyOriginalPath,
  kXEnvoyUpstreamServiceTime,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedProto,
  kXRequestId,
};

// Of a name in lower case. Cost: a few compares.
HeaderId IdentifyHeader(std::string_view lower_case_name);
std::string_view HeaderName(HeaderId id);

// In the order received; names are lower case. Not thread-safe.
class HeaderMap final : public http::MutableHeaders {
 public:
  struct Entry {
    std::string_view name;
    std::string_view value;
    HeaderId id;
  };

  // `arena` holds what Add and Set copy, and must outlive the map's content.
  explicit HeaderMap(Arena* arena) : arena_(arena) {}

  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  void Clear() { entries_.clear(); }

  // Without a copy: both must live as long as the arena's content.
  void AddView(std::string_view name, std::string_view value) {
    entries_.push_back({name, value, IdentifyHeader(name)});
  }
  void AddView(HeaderId id, std::string_view value) {
    entries_.push_back({HeaderName(id), value, id});
  }
  void SetView(HeaderId id, std::string_view value);
  // The first value, or null.
  const std::string_view* Find(HeaderId id) const;
  bool Has(HeaderId id) const { return Find(id) != nullptr; }
  size_t Count(HeaderId id) const;
  void Remove(HeaderId id);
  // `predicate` may change the value of an entry that stays.
  template <class Predicate>
  void RemoveIf(Predicate predicate) {
    size_t kept = 0;
    for (Entry& entry : entries_) {
      if (!predicate(entry)) entries_[kept++] = entry;
    }
    entries_.resize(kept);
  }

  // http::MutableHeaders; names and values are copied.
  size_t Find(std::string_view name, std::string_view* values, size_t capacity) const override;
  void Add(std::string_view name, std::string_view value) override;
  void Set(std::string_view name, std::string_view value) override;
  void Remove(std::string_view name) override;

  Arena* arena() const { return arena_; }

 private:
  Arena* const arena_;
  std::vector<Entry> entries_;
};

// True where a comma-separated list has `token` (lower case) as a member, without regard to case.
bool ListHas(std::string_view list, std::string_view token);
// Calls `each(member)` with every member, trimmed, empty ones left out.
template <class Each>
void ForEachListMember(std::string_view list, Each each) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view member = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) {
      member.remove_prefix(1);
    }
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) {
      member.remove_suffix(1);
    }
    if (!member.empty()) each(member);
  }
}

}  // namespace mesh::proxy

#endif  // MESH_PROXY_HEADERS_H_
