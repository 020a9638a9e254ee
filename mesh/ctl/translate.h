// meshctl translate: what a proxy would be sent for some YAML.
#ifndef MESH_CTL_TRANSLATE_H_
#define MESH_CTL_TRANSLATE_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `translate -f PATH… (--proxy POD.NAMESPACE | --node FILE) [--mesh FILE] [--type lds,cds,rds,eds]
// [--interception none|redirect|tproxy] [-o table|json|yaml]`. Invalid objects are named on `err`
// and left out, exit 1. An unknown pod: exit 1, the known ones on `err`.
void AddTranslate(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_TRANSLATE_H_
