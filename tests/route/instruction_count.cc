#include "tests/route/instruction_count.h"

#include <csignal>

namespace mesh::testing {

#if defined(__x86_64__)
namespace {

// What a signal handler may touch.
volatile uint64_t traps = 0;  // NOLINT

void OnTrap(int) { traps = traps + 1; }

}  // namespace

uint64_t CountInstructions(const std::function<void()>& run) {
  struct sigaction counting = {}, before = {};
  counting.sa_handler = OnTrap;
  sigaction(SIGTRAP, &counting, &before);
  const std::function<void()> nothing = [] {};
  uint64_t counted[2];
  int i = 0;
  for (const std::function<void()>* one : {&nothing, &run}) {
    traps = 0;
    // The red zone below the stack pointer may be in use.
    asm volatile("sub $128, %%rsp\n pushfq\n orq $0x100, (%%rsp)\n popfq\n add $128, %%rsp" ::
                     : "memory", "cc");
    (*one)();
    asm volatile("sub $128, %%rsp\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n add $128, %%rsp" ::
                     : "memory", "cc");
    counted[i++] = traps;
  }
  sigaction(SIGTRAP, &before, nullptr);
  return counted[1] - counted[0];
}
#else
uint64_t CountInstructions(const std::function<void()>& run) {
  run();
  return 0;
}
#endif

}  // namespace mesh::testing
