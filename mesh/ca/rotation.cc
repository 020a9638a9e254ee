#include "mesh/ca/rotation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::ca {
namespace {

bool Holds(const ProxyProof& proxy, const std::string& root) {
  return std::find(proxy.trusted_roots.begin(), proxy.trusted_roots.end(), root) !=
         proxy.trusted_roots.end();
}

// Why `proxy` is not ready for the phase behind state.phase; empty when it is.
std::string_view Lacks(const RotationState& state, const ProxyProof& proxy) {
  switch (state.phase) {
    case RotationPhase::kStable:
      return "";  // to hear of a second root needs nothing
    case RotationPhase::kAnnounced:
      if (!Holds(proxy, state.root)) return "does not trust the old root";
      if (!Holds(proxy, state.new_root)) return "does not trust the new root yet";
      return "";
    case RotationPhase::kSwitched:
      if (!Holds(proxy, state.new_root)) return "does not trust the new root";
      if (proxy.leaf_root != state.new_root) return "still shows a certificate of the old root";
      return "";
  }
  return "";
}

std::string_view NextStep(RotationPhase phase) {
  switch (phase) {
    case RotationPhase::kStable:
      return "announce a new root beside the present one";
    case RotationPhase::kAnnounced:
      return "issue certificates from the new root";
    case RotationPhase::kSwitched:
      return "retire the old root";
  }
  return "";
}

}  // namespace

std::string_view RotationPhaseName(RotationPhase phase) {
  switch (phase) {
    case RotationPhase::kStable:
      return "stable";
    case RotationPhase::kAnnounced:
      return "announced";
    case RotationPhase::kSwitched:
      return "switched";
  }
  return "";
}

std::vector<NotReady> BlockersOfNextPhase(const RotationState& state,
                                          absl::Span<const ProxyProof> proxies) {
  std::vector<NotReady> blockers;
  for (const ProxyProof& proxy : proxies) {
    const std::string_view why = Lacks(state, proxy);
    if (!why.empty()) blockers.push_back({proxy.proxy, std::string(why)});
  }
  return blockers;
}

absl::Status MayEnterNextPhase(const RotationState& state, absl::Span<const ProxyProof> proxies) {
  const std::vector<NotReady> blockers = BlockersOfNextPhase(state, proxies);
  if (blockers.empty()) return absl::OkStatus();
  std::string text = absl::StrCat(blockers.size(), " of ", proxies.size(), " proxies ",
                                  blockers.size() == 1 ? "is" : "are", " not ready to ",
                                  Absl(NextStep(state.phase)), ": ");
  for (size_t i = 0; i < blockers.size() && i < 3; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "; ", blockers[i].proxy, " ", blockers[i].why);
  }
  if (blockers.size() > 3) absl::StrAppend(&text, "; ...");
  return absl::FailedPreconditionError(text);
}

std::string RotationPlan(const RotationState& state, absl::Span<const ProxyProof> proxies) {
  const std::vector<NotReady> blockers = BlockersOfNextPhase(state, proxies);
  std::string text = absl::StrCat("phase:  ", Absl(RotationPhaseName(state.phase)),
                                  "\nroot:   ", state.root.substr(0, 16), "\n");
  if (!state.new_root.empty()) {
    absl::StrAppend(&text, "new:    ", state.new_root.substr(0, 16), "\n");
  }
  absl::StrAppend(&text, "next:   ", Absl(NextStep(state.phase)),
                  "\nready:  ", proxies.size() - blockers.size(), " of ", proxies.size(),
                  " connected proxies\n");
  for (const NotReady& blocker : blockers) {
    absl::StrAppend(&text, "  ", blocker.proxy, " ", blocker.why, "\n");
  }
  return text;
}

}  // namespace mesh::ca
