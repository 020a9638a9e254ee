// IST0133 by kinds. Private to this folder.
#ifndef MESH_ANALYSIS_CHECKS_SCHEMA_WARNINGS_H_
#define MESH_ANALYSIS_CHECKS_SCHEMA_WARNINGS_H_

#include <string>

#include "mesh/analysis/checks/checks.h"

namespace mesh::analysis {

void Warn(const config::Resource& object, const std::string& field, std::string message,
          std::string remedy, Findings* findings);

// Gateways and the ingress of Sidecars: what serves.
void WarnOfGateway(const config::Resource& object, Findings* findings);
void WarnOfSidecar(const config::Resource& object, Findings* findings);

void WarnOfServiceEntry(const config::Resource& object, Findings* findings);
void WarnOfEnvoyFilter(const config::Resource& object, Findings* findings);
// What applies to the workloads that it selects: policies, Telemetry, ProxyConfig.
void WarnOfPolicy(const config::Resource& object, Findings* findings);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_SCHEMA_WARNINGS_H_
