// Instructions that a function executes, counted one by one: the same number on a busy machine.
#ifndef TESTS_ROUTE_INSTRUCTION_COUNT_H_
#define TESTS_ROUTE_INSTRUCTION_COUNT_H_

#include <cstdint>
#include <functional>

namespace mesh::testing {

// Runs `run` with the processor's trap flag set: a signal after each instruction, so about a
// microsecond each. 0 where the processor has no such flag. One thread at a time; it takes SIGTRAP.
uint64_t CountInstructions(const std::function<void()>& run);

}  // namespace mesh::testing

#endif  // TESTS_ROUTE_INSTRUCTION_COUNT_H_
