// What is wrong with the rules of a VirtualService, whoever the proxy. Private to this folder.
#ifndef MESH_TRANSLATE_RULE_FINDINGS_H_
#define MESH_TRANSLATE_RULE_FINDINGS_H_

#include <vector>

#include "mesh/translate/resource.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {

// Rules that are left out and parts of them that do not do what they seem to: what route.cc does
// without saying so. Cost: a walk through the rules.
void FindInRules(const VirtualService& virtual_service, std::vector<Finding>* findings);

// Whether a redirect can be sent with this code; 0 is 301.
bool IsRedirectCode(uint32_t code);
// Whether a rule without redirect and answer leads anywhere.
bool HasDestination(const istio::networking::v1alpha3::HTTPRoute& rule);

}  // namespace mesh::translate

#endif  // MESH_TRANSLATE_RULE_FINDINGS_H_
