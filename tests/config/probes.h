// One object for each value that a field may or may not have: whatever a schema could say of it.
#ifndef TESTS_CONFIG_PROBES_H_
#define TESTS_CONFIG_PROBES_H_

#include <string>
#include <vector>

#include "mesh/config/kind.h"

namespace mesh {

struct Probe {
  // What of: "a fraction for a whole number", the same words for every field.
  std::string what;
  // "http[0].timeout"
  std::string field;
  // The object's spec, JSON.
  std::string spec;
};

// Of every field of every message that the kind's spec is made of, each message where it first
// occurs. Objects hold the field and what it takes to get there, no more: most of them lack fields
// that are required.
std::vector<Probe> ProbesOf(const config::KindInfo& kind);

}  // namespace mesh

#endif  // TESTS_CONFIG_PROBES_H_
