#include "mesh/xds/wire.h"

#include <cstdint>
#include <vector>

namespace mesh::xds {
namespace {

// Field numbers of envoy.service.discovery.v3.DiscoveryResponse, ControlPlane and
// google.protobuf.Any; all are length-delimited (wire type 2).
constexpr int kVersionInfo = 1;
constexpr int kResources = 2;
constexpr int kTypeUrl = 4;
constexpr int kNonce = 5;
constexpr int kControlPlane = 6;
constexpr int kControlPlaneIdentifier = 1;
constexpr int kAnyTypeUrl = 1;
constexpr int kAnyValue = 2;

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// Field numbers here are below 16: a tag is one byte.
void AppendHead(int field, size_t size, std::string* out) {
  out->push_back(static_cast<char>(field << 3 | 2));
  AppendVarint(size, out);
}

void AppendField(int field, std::string_view value, std::string* out) {
  if (value.empty()) return;
  AppendHead(field, value.size(), out);
  out->append(value);
}

// Everything of a DiscoveryResponse but its resources. Field order is free on the wire.
std::string ResponseHead(Type type, std::string_view version, std::string_view nonce,
                         std::string_view identifier) {
  std::string head;
  AppendField(kVersionInfo, version, &head);
  AppendField(kTypeUrl, TypeUrl(type), &head);
  AppendField(kNonce, nonce, &head);
  if (!identifier.empty()) {
    std::string control_plane;
    AppendField(kControlPlaneIdentifier, identifier, &control_plane);
    AppendField(kControlPlane, control_plane, &head);
  }
  return head;
}

// Reads a varint; false when `bytes` ends within it.
bool ReadVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const uint8_t byte = bytes->front();
    bytes->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

std::string ResourceElementHead(std::string_view type_url, size_t message_size) {
  const size_t any_size = 1 + VarintSize(type_url.size()) + type_url.size() + 1 +
                          VarintSize(message_size) + message_size;
  std::string head;
  AppendHead(kResources, any_size, &head);
  AppendField(kAnyTypeUrl, type_url, &head);
  AppendHead(kAnyValue, message_size, &head);
  return head;
}

grpc::ByteBuffer EncodeDiscoveryResponse(Type type, std::string_view version,
                                         std::string_view nonce, std::string_view identifier,
                                         absl::Span<const EncodedResourcePtr> resources) {
  std::vector<grpc::Slice> slices;
  slices.reserve(resources.size() + 1);
  slices.emplace_back(ResponseHead(type, version, nonce, identifier));
  for (const EncodedResourcePtr& resource : resources) slices.push_back(resource->element());
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer EncodeDiscoveryResponse(Type type, std::string_view version,
                                         std::string_view nonce, std::string_view identifier,
                                         const ResourceList& list) {
  const grpc::Slice slices[] = {grpc::Slice(ResponseHead(type, version, nonce, identifier)),
                                list.joined()};
  return grpc::ByteBuffer(slices, list.size_bytes() == 0 ? 1 : 2);
}

std::string_view FirstField(std::string_view message) {
  while (!message.empty()) {
    uint64_t tag = 0, size = 0;
    if (!ReadVarint(&message, &tag)) return {};
    switch (tag & 7) {
      case 0:
        if (!ReadVarint(&message, &size)) return {};
        continue;
      case 1:
        size = 8;
        break;
      case 2:
        if (!ReadVarint(&message, &size)) return {};
        break;
      case 5:
        size = 4;
        break;
      default:
        return {};
    }
    if (size > message.size()) return {};
    if (tag == (1 << 3 | 2)) return message.substr(0, size);
    message.remove_prefix(size);
  }
  return {};
}

}  // namespace mesh::xds
