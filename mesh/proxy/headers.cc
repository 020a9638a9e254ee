#include "mesh/proxy/headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "mesh/http/host.h"

namespace mesh::proxy {
namespace {

constexpr std::array<std::string_view, 25> kNames = {
    "",
    "accept",
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-original-path",
    "x-envoy-upstream-service-time",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
};
static_assert(static_cast<size_t>(HeaderId::kXRequestId) + 1 == kNames.size());

constexpr std::string_view kXEnvoyPrefix = "x-envoy-";

}  // namespace

char* Arena::Allocate(size_t size) {
  while (block_ < blocks_.size() && used_ + size > blocks_[block_].size) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const size_t bytes = std::max(size, kBlockBytes);
    blocks_.push_back({std::unique_ptr<char[]>(new char[bytes]), bytes});
    used_ = 0;
  }
  char* const at = blocks_[block_].data.get() + used_;
  used_ += size;
  return at;
}

std::string_view Arena::Copy(std::string_view text) {
  char* const at = Allocate(text.size());
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return std::string_view(at, text.size());
}

std::string_view Arena::Concat(std::string_view a, std::string_view b) {
  char* const at = Allocate(a.size() + b.size());
  std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), at));
  return std::string_view(at, a.size() + b.size());
}

std::string_view Arena::Decimal(uint64_t number) {
  char text[20];
  char* const end = std::to_chars(text, text + sizeof(text), number).ptr;
  return Copy(std::string_view(text, end - text));
}

void Arena::Clear() {
  // One block of the usual size stays for the next message.
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty() && blocks_[0].size > kBlockBytes) blocks_.clear();
  block_ = used_ = 0;
}

HeaderId IdentifyHeader(std::string_view name) {
  const auto is = [name](HeaderId id) { return name == kNames[static_cast<size_t>(id)]; };
  HeaderId id = HeaderId::kOther;
  switch (name.size()) {
    case 2:
      id = HeaderId::kTe;
      break;
    case 4:
      id = name[0] == 'h' ? HeaderId::kHost : HeaderId::kDate;
      break;
    case 6:
      id = name[0] == 's' ? HeaderId::kServer
                          : (name[0] == 'e' ? HeaderId::kExpect : HeaderId::kAccept);
      break;
    case 7:
      id = name[0] == 't' ? HeaderId::kTrailer : HeaderId::kUpgrade;
      break;
    case 10:
      switch (name[0]) {
        case 'c':
          id = HeaderId::kConnection;
          break;
        case 'k':
          id = HeaderId::kKeepAlive;
          break;
        default:
          id = HeaderId::kUserAgent;
      }
      break;
    case 12:
      id = HeaderId::kXRequestId;
      break;
    case 14:
      id = name[0] == 'c' ? HeaderId::kContentLength : HeaderId::kHttp2Settings;
      break;
    case 15:
      id = HeaderId::kXForwardedFor;
      break;
    case 16:
      id = HeaderId::kProxyConnection;
      break;
    case 17:
      id = name[0] == 't' ? HeaderId::kTransferEncoding : HeaderId::kXForwardedProto;
      break;
    case 21:
      id = name[8] == 'a' ? HeaderId::kXEnvoyAttemptCount : HeaderId::kXEnvoyOriginalPath;
      break;
    case 23:
      id = HeaderId::kXForwardedClientCert;
      break;
    case 27:
      id = HeaderId::kXEnvoyDecoratorOperation;
      break;
    case 29:
      id = HeaderId::kXEnvoyUpstreamServiceTime;
      break;
    default:
      break;
  }
  if (id != HeaderId::kOther && is(id)) return id;
  return name.substr(0, kXEnvoyPrefix.size()) == kXEnvoyPrefix ? HeaderId::kXEnvoy
                                                               : HeaderId::kOther;
}

std::string_view HeaderName(HeaderId id) { return kNames[static_cast<size_t>(id)]; }

const std::string_view* HeaderMap::Find(HeaderId id) const {
  for (const Entry& entry : entries_) {
    if (entry.id == id) return &entry.value;
  }
  return nullptr;
}

size_t HeaderMap::Count(HeaderId id) const {
  size_t count = 0;
  for (const Entry& entry : entries_) count += entry.id == id ? 1 : 0;
  return count;
}

void HeaderMap::SetView(HeaderId id, std::string_view value) {
  for (Entry& entry : entries_) {
    if (entry.id != id) continue;
    entry.value = value;
    const Entry* const first = &entry;
    RemoveIf([first, id](const Entry& e) { return e.id == id && &e != first; });
    return;
  }
  AddView(id, value);
}

void HeaderMap::Remove(HeaderId id) {
  RemoveIf([id](const Entry& entry) { return entry.id == id; });
}

size_t HeaderMap::Find(std::string_view name, std::string_view* values, size_t capacity) const {
  size_t count = 0;
  for (const Entry& entry : entries_) {
    if (entry.name != name) continue;
    if (count < capacity) values[count] = entry.value;
    ++count;
  }
  return count;
}

void HeaderMap::Add(std::string_view name, std::string_view value) {
  AddView(arena_->Copy(name), arena_->Copy(value));
}

void HeaderMap::Set(std::string_view name, std::string_view value) {
  Remove(name);
  Add(name, value);
}

void HeaderMap::Remove(std::string_view name) {
  RemoveIf([name](const Entry& entry) { return entry.name == name; });
}

bool ListHas(std::string_view list, std::string_view token) {
  bool found = false;
  ForEachListMember(list, [&](std::string_view member) {
    found = found || http::EqualsIgnoreCase(member, token);
  });
  return found;
}

}  // namespace mesh::proxy
