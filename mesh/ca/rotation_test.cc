#include "mesh/ca/rotation.h"

#include "gtest/gtest.h"

namespace mesh::ca {
namespace {

constexpr char kOld[] = "0123456789abcdef0123456789abcdef";
constexpr char kNew[] = "fedcba9876543210fedcba9876543210";

TEST(Rotation, APhaseIsEnteredWhenEveryProxyHoldsWhatItNeeds) {
  const RotationState stable{RotationPhase::kStable, kOld, ""},
      announced{RotationPhase::kAnnounced, kOld, kNew},
      switched{RotationPhase::kSwitched, kOld, kNew};
  const struct {
    const char* name;
    RotationState state;
    ProxyProof proxy;
    const char* lacks;
  } kRows[] = {
      {"announcing needs nothing", stable, {"a", {}, ""}, ""},
      {"switching needs both roots", announced, {"a", {kOld, kNew}, kOld}, ""},
      {"switching with the old root alone",
       announced,
       {"a", {kOld}, kOld},
       "does not trust the new root yet"},
      {"switching with the new root alone",
       announced,
       {"a", {kNew}, kOld},
       "does not trust the old root"},
      {"switching when nothing is acknowledged",
       announced,
       {"a", {}, ""},
       "does not trust the old root"},
      {"retiring with a new certificate", switched, {"a", {kOld, kNew}, kNew}, ""},
      {"retiring with an old certificate",
       switched,
       {"a", {kOld, kNew}, kOld},
       "still shows a certificate of the old root"},
      {"retiring when a proxy went back",
       switched,
       {"a", {kOld}, kNew},
       "does not trust the new root"},
  };
  for (const auto& row : kRows) {
    const auto blockers = BlockersOfNextPhase(row.state, {row.proxy});
    if (*row.lacks == '\0') {
      EXPECT_TRUE(blockers.empty()) << row.name;
      EXPECT_TRUE(MayEnterNextPhase(row.state, {row.proxy}).ok()) << row.name;
    } else {
      ASSERT_EQ(blockers.size(), 1) << row.name;
      EXPECT_EQ(blockers[0].why, row.lacks) << row.name;
      EXPECT_FALSE(MayEnterNextPhase(row.state, {row.proxy}).ok()) << row.name;
    }
  }
}

TEST(Rotation, AmongManyTheOneThatIsNotReadyIsNamed) {
  const RotationState state{RotationPhase::kAnnounced, kOld, kNew};
  std::vector<ProxyProof> proxies;
  for (int i = 0; i < 100; ++i) {
    proxies.push_back({"pod" + std::to_string(i) + ".default", {kOld, kNew}, kOld});
  }
  EXPECT_TRUE(MayEnterNextPhase(state, proxies).ok());
  proxies[42].trusted_roots = {kOld};
  EXPECT_EQ(MayEnterNextPhase(state, proxies).message(),
            "1 of 100 proxies is not ready to issue certificates from the new root: pod42.default "
            "does not trust the new root yet");
  EXPECT_EQ(RotationPlan(state, proxies),
            "phase:  announced\n"
            "root:   0123456789abcdef\n"
            "new:    fedcba9876543210\n"
            "next:   issue certificates from the new root\n"
            "ready:  99 of 100 connected proxies\n"
            "  pod42.default does not trust the new root yet\n");
}

}  // namespace
}  // namespace mesh::ca
