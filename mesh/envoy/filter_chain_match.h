// Which filter chain of a listener a connection gets: Envoy's order of precedence, as a table.
//
//   auto table = mesh::envoy::FilterChainTable::Build(matches);
//   std::optional<size_t> chain = (*table)->Find(connection);  // index into `matches`
#ifndef MESH_ENVOY_FILTER_CHAIN_MATCH_H_
#define MESH_ENVOY_FILTER_CHAIN_MATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace mesh::envoy {

// core.v3.CidrRange; the address is in canonical text.
struct AddressRange {
  std::string address;
  uint32_t prefix_bits = 0;
};

// listener.v3.FilterChainMatch. What is empty or zero asks for nothing.
struct FilterChainMatch {
  enum class Source { kAny, kSameIpOrLoopback, kExternal };

  uint32_t destination_port = 0;
  std::vector<AddressRange> prefix_ranges;
  std::vector<std::string> server_names;  // lower case; "*.example.com" for all below example.com
  std::string transport_protocol;         // "tls" or "raw_buffer"
  std::vector<std::string> application_protocols;
  std::vector<AddressRange> direct_source_ranges;
  Source source = Source::kAny;
  std::vector<AddressRange> source_ranges;
  std::vector<uint32_t> source_ports;
};

// What is known of a connection before its chain is chosen. Borrows everything.
struct ConnectionFacts {
  std::string_view destination_ip;  // "10.0.0.1", "::1"
  uint16_t destination_port = 0;
  std::string_view source_ip;
  uint16_t source_port = 0;
  std::string_view transport_protocol = "raw_buffer";
  std::string_view server_name;                         // lower case; empty: none was said
  absl::Span<const std::string> application_protocols;  // in the client's order
};

// Immutable; thread-safe.
class FilterChainTable {
 public:
  // InvalidArgument where two matches accept the same connections with the same precedence:
  //   filter_chains[3].filter_chain_match: the same as that of filter_chains[1]
  static absl::StatusOr<std::shared_ptr<const FilterChainTable>> Build(
      absl::Span<const FilterChainMatch> matches);
  ~FilterChainTable();

  // Criteria count in this order: destination port, destination address, server name, transport
  // protocol, application protocol, direct source address, kind of source, source address, source
  // port. At each the most specific value decides for good: what fails behind it does not come back
  // to a less specific one. Nothing where no chain accepts the connection (the listener's default
  // chain does then).
  // Cost: one look-up a criterion; for addresses, one comparison a distinct range.
  std::optional<size_t> Find(const ConnectionFacts& connection) const;

  // Whether any match asks for what only the connection's first bytes say.
  bool depends_on_first_bytes() const { return depends_on_first_bytes_; }

 private:
  struct Tree;
  FilterChainTable();

  std::unique_ptr<Tree> tree_;
  bool depends_on_first_bytes_ = false;
};

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_FILTER_CHAIN_MATCH_H_
