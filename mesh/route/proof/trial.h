// Points become requests and are tried on real tables. Private to mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_TRIAL_H_
#define MESH_ROUTE_PROOF_TRIAL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/route/proof/model.h"
#include "mesh/route/proof/witness.h"
#include "mesh/route/table.h"

namespace mesh::route::proof {

// A table built again from another's virtual hosts, its rules numbered so that an answer names one
// rule (the caller's ids need not be unique).
class Trial {
 public:
  // InvalidArgument where the virtual hosts do not build.
  static absl::StatusOr<Trial> Build(const Table& table);

  struct Answer {
    Match match;                 // as the caller's table says it, with the caller's Rule::id
    const Rule* rule = nullptr;  // in the caller's virtual hosts; null without a rule
  };
  Answer Ask(const Witness& witness) const;

  // Hosts that choose this virtual host, tried and found to; none where none was found.
  const std::vector<std::string>& HostsOf(uint32_t virtual_host) const {
    return hosts_[virtual_host];
  }

 private:
  void FindHosts(uint32_t virtual_host);

  std::shared_ptr<const Table> table_;
  std::vector<std::vector<std::string>> hosts_;
  std::vector<const Rule*> originals_;
};

// Hosts that a domain accepts, plain ones first: itself for an exact one.
std::vector<std::string> HostsLike(const std::string& domain);

// The requests a point may stand for, most likely first. `host` stands where the point leaves the
// authority and the tables' host headers (by name, those that have one) free; `randoms` are tried
// beside the point's own random number.
std::vector<Witness> RequestsFor(const Model& model, const Point& point,
                                 const std::vector<std::string>& host_headers,
                                 const std::string& host, const std::vector<uint64_t>& randoms);

// A plain request to `host`.
Witness RequestTo(const std::string& host, const std::vector<std::string>& host_headers);

// The header that chooses the virtual host, lower case; none where it is the authority.
std::vector<std::string> HostHeaders(const TableOptions& options);

// Random numbers that fractions of the virtual host tell apart.
std::vector<uint64_t> RandomsOf(const VirtualHost& host);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_TRIAL_H_
