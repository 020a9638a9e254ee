// Configurations of any size, for measuring: the same ones every time.
#ifndef BENCHMARKS_CONFIG_GENERATE_H_
#define BENCHMARKS_CONFIG_GENERATE_H_

#include <string>
#include <vector>

namespace mesh::benchmarks {

// One file. `number` of its kind.
std::string GenerateVirtualService(int number, int all);
std::string GenerateDestinationRule(int number, int all);
std::string GenerateGateway(int number, int all);

struct GeneratedFile {
  std::string name;
  std::string yaml;
};
// `services` VirtualServices and as many DestinationRules, a fifth as many Gateways, one file each,
// in a hundredth as many namespaces with a ServiceEntry each that has the services. One
// VirtualService in 100 names a subset that is not there, one in 250 such a gateway.
std::vector<GeneratedFile> GenerateConfig(int services);

// What a cluster has beside it, as one text: `services` Services with a Deployment each, a Pod for
// one in ten, and of each kind of policy one for ten services: PeerAuthentication,
// RequestAuthentication, AuthorizationPolicy, EnvoyFilter, Sidecar, Telemetry, WorkloadEntry. One
// in 50 of them is not as it should be.
std::string GenerateCluster(int services);

}  // namespace mesh::benchmarks

#endif  // BENCHMARKS_CONFIG_GENERATE_H_
