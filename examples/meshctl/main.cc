// meshctl: the list of its verbs. Each is a function of mesh/ctl.

#include <iostream>

#include "mesh/ctl/analyze.h"
#include "mesh/ctl/authz.h"
#include "mesh/ctl/ca.h"
#include "mesh/ctl/command.h"
#include "mesh/ctl/completion.h"
#include "mesh/ctl/crds.h"
#include "mesh/ctl/proxy_config.h"
#include "mesh/ctl/proxy_status.h"
#include "mesh/ctl/route.h"
#include "mesh/ctl/translate.h"
#include "mesh/ctl/validate.h"
#include "mesh/ctl/version.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return mesh::ctl::Run(
      {mesh::ctl::AddValidate, mesh::ctl::AddTranslate, mesh::ctl::AddProxyStatus,
       mesh::ctl::AddProxyConfig, mesh::ctl::AddRoute, mesh::ctl::AddAnalyze, mesh::ctl::AddAuthz,
       mesh::ctl::AddCa, mesh::ctl::AddCrds, mesh::ctl::AddCompletion, mesh::ctl::AddVersion},
      {argv + 1, argv + argc}, std::cin, std::cout, std::cerr);
}
