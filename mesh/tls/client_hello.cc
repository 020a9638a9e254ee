#include "mesh/tls/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"

// A ClientHello (RFC 8446 §4.1.2) in one or more handshake records (§5.1):
//   record    = 22, version (2), length (2), fragment
//   handshake = 1, length (3), version (2), random (32), session id <1>, suites <2>,
//               compression <1>, extensions <2>
// where <n> is a vector behind a length of n bytes.
namespace mesh::tls {
namespace {

constexpr size_t kMaxHello = 64 * 1024;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  bool Number(int size, uint32_t* out) {
    if (bytes_.size() < static_cast<size_t>(size)) return false;
    *out = 0;
    for (int i = 0; i < size; ++i) *out = *out << 8 | static_cast<uint8_t>(bytes_[i]);
    bytes_.remove_prefix(size);
    return true;
  }
  bool Bytes(size_t size, std::string_view* out) {
    if (bytes_.size() < size) return false;
    *out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool Vector(int length_size, std::string_view* out) {
    uint32_t size = 0;
    return Number(length_size, &size) && Bytes(size, out);
  }

 private:
  std::string_view bytes_;
};

bool ReadServerName(std::string_view extension, std::string* name) {
  Reader reader(extension);
  std::string_view list, value;
  if (!reader.Vector(2, &list) || !reader.empty()) return false;
  Reader names(list);
  uint32_t type = 0;
  if (!names.Number(1, &type) || !names.Vector(2, &value)) return false;
  if (type != 0 || value.empty() || value.find('\0') != value.npos) return false;
  for (char c : value) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  name->assign(value);
  absl::AsciiStrToLower(name);
  if (name->back() == '.') name->pop_back();
  return true;
}

bool ReadAlpn(std::string_view extension, std::vector<std::string>* protocols) {
  Reader reader(extension);
  std::string_view list;
  if (!reader.Vector(2, &list) || !reader.empty()) return false;
  for (Reader names(list); !names.empty();) {
    std::string_view name;
    if (!names.Vector(1, &name) || name.empty()) return false;
    protocols->emplace_back(name);
  }
  return true;
}

// `body` is the whole message behind its four-byte header.
bool ReadHello(std::string_view body, ClientHello* hello) {
  Reader reader(body);
  uint32_t version = 0;
  std::string_view random, session, suites, compression, extensions;
  if (!reader.Number(2, &version) || version >> 8 != 3 || !reader.Bytes(32, &random) ||
      !reader.Vector(1, &session) || !reader.Vector(2, &suites) ||
      !reader.Vector(1, &compression)) {
    return false;
  }
  if (reader.empty()) return true;
  if (!reader.Vector(2, &extensions) || !reader.empty()) return false;
  bool name_seen = false, alpn_seen = false;
  for (Reader all(extensions); !all.empty();) {
    uint32_t type = 0;
    std::string_view value;
    if (!all.Number(2, &type) || !all.Vector(2, &value)) return false;
    if (type == 0) {
      if (name_seen || !ReadServerName(value, &hello->server_name)) return false;
      name_seen = true;
    } else if (type == 16) {
      if (alpn_seen || !ReadAlpn(value, &hello->alpn)) return false;
      alpn_seen = true;
    }
  }
  return true;
}

ClientHello NotTls() {
  ClientHello hello;
  hello.verdict = ClientHello::Verdict::kNotTls;
  return hello;
}

}  // namespace

ClientHello InspectClientHello(std::string_view bytes) {
  // What the first bytes must be, as far as they are there.
  if (!bytes.empty() && bytes[0] != 22) return NotTls();
  if (bytes.size() > 1 && bytes[1] != 3) return NotTls();
  if (bytes.size() > 5 && bytes[5] != 1) return NotTls();

  std::string joined;  // of several records; a single one is read in place
  std::string_view message;
  for (size_t records = 0;; ++records) {
    if (bytes.size() < 5) return {};
    const size_t size = static_cast<uint8_t>(bytes[3]) << 8 | static_cast<uint8_t>(bytes[4]);
    if (bytes[0] != 22 || bytes[1] != 3 || size == 0 || size > 16384) return NotTls();
    const std::string_view fragment = bytes.substr(5, size);
    if (records == 0) {
      message = fragment;
    } else {
      if (records == 1) joined.assign(message);
      joined.append(fragment);
      message = joined;
    }
    if (message.size() >= 4) {
      const size_t need = 4 + (static_cast<size_t>(static_cast<uint8_t>(message[1])) << 16 |
                               static_cast<size_t>(static_cast<uint8_t>(message[2])) << 8 |
                               static_cast<uint8_t>(message[3]));
      if (need > kMaxHello) return NotTls();
      if (message.size() >= need) {
        ClientHello hello;
        if (!ReadHello(message.substr(4, need - 4), &hello)) return NotTls();
        hello.verdict = ClientHello::Verdict::kTls;
        return hello;
      }
    }
    if (fragment.size() < size) return {};
    if (message.size() > kMaxHello) return NotTls();
    bytes.remove_prefix(5 + size);
  }
}

}  // namespace mesh::tls
