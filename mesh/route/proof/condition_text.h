// Conditions as texts: the same text, the same condition. Private to mesh/route/proof.
#ifndef MESH_ROUTE_PROOF_CONDITION_TEXT_H_
#define MESH_ROUTE_PROOF_CONDITION_TEXT_H_

#include <string>

#include "mesh/route/rule.h"

namespace mesh::route::proof {

// Texts are equal only where the values are; every text in them is written with its length.
std::string TextOf(const StringMatch& match);
std::string TextOf(const PathMatch& match);
std::string TextOf(const Condition& condition);
// Path and conditions in their order; not id, name and position.
std::string TextOf(const Rule& rule);
std::string TextOf(const MatchTree& tree);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_CONDITION_TEXT_H_
