// For supervisor_test: starts one child, prints its process id and waits to be killed.
#include <unistd.h>

#include <cstdio>

#include "mesh/local/supervisor.h"

int main(int argc, char** argv) {
  mesh::local::Supervisor supervisor({});
  if (argc != 2 || !supervisor.Start({"sleeper", {"/bin/sleep", "1000"}, argv[1]}).ok()) return 1;
  std::printf("%d\n", supervisor.States()[0].pid);
  std::fflush(stdout);
  pause();
}
