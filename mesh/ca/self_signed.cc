#include "mesh/ca/self_signed.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "mesh/base/strings.h"
#include "mesh/tls/sign.h"

// The state is one text, so that a crash cannot separate a key from its certificate:
//
//   mesh-ca-state 1
//   phase stable|announced|switched
//   root
//   <private key, PEM><certificates of it, PEM, newest first>
//   root
//   <the new root, likewise; in the other two phases>
namespace mesh::ca {
namespace {

constexpr char kStateName[] = "roots.pem";
constexpr absl::string_view kHeader = "mesh-ca-state 1\n";

// A root's key, and its certificates that have not expired, newest first: one, or for a while two.
struct Root {
  tls::PrivateKey key;
  std::vector<tls::Certificate> certificates;
  const tls::Certificate& newest() const { return certificates.front(); }
};

absl::StatusOr<tls::Certificate> SignRoot(const SelfSignedOptions& options,
                                          const tls::PrivateKey& key, absl::Time now) {
  tls::CertificateTemplate root;
  root.organization = options.organization;
  root.not_before = now - options.leaf.backdate;
  root.not_after = now + options.root_lifetime;
  root.is_ca = true;
  return tls::SelfSign(root, key);
}

absl::StatusOr<Root> MakeRoot(const SelfSignedOptions& options) {
  auto key = tls::PrivateKey::Generate(options.root_key);
  if (!key.ok()) return key.status();
  auto certificate = SignRoot(options, *key, options.clock->Now());
  if (!certificate.ok()) return certificate.status();
  return Root{*std::move(key), {*std::move(certificate)}};
}

}  // namespace

struct SelfSignedAuthority::State {
  RotationPhase phase = RotationPhase::kStable;
  std::vector<Root> roots;  // the old, and the new one unless stable

  // Derived.
  std::shared_ptr<const TrustBundle> bundle;
  std::shared_ptr<const SigningKey> signer;

  RotationState rotation() const {
    return {phase, roots[0].newest().Fingerprint(),
            roots.size() > 1 ? roots[1].newest().Fingerprint() : ""};
  }

  void Derive() {
    const size_t signing = phase == RotationPhase::kSwitched ? 1 : 0;
    const Root& root = roots[signing];
    auto all = std::make_shared<TrustBundle>(TrustBundle{root.certificates});
    for (size_t i = 0; i < roots.size(); ++i) {
      if (i == signing) continue;
      all->roots.insert(all->roots.end(), roots[i].certificates.begin(),
                        roots[i].certificates.end());
    }
    bundle = std::move(all);
    signer =
        std::make_shared<const SigningKey>(SigningKey{root.newest(), root.key, {}, root.newest()});
  }

  std::string Write() const {
    std::string text = absl::StrCat(kHeader, "phase ", Absl(RotationPhaseName(phase)), "\n");
    for (const Root& root : roots) {
      absl::StrAppend(&text, "root\n", root.key.ToPem(), tls::ToPem(root.certificates));
    }
    return text;
  }

  static absl::StatusOr<State> Read(absl::string_view text) {
    const auto broken = [](absl::string_view what) {
      return absl::DataLossError(absl::StrCat("the authority's state cannot be read: ", what));
    };
    if (!absl::ConsumePrefix(&text, kHeader)) return broken("it does not begin as one");
    State state;
    bool known = false;
    for (const RotationPhase phase :
         {RotationPhase::kStable, RotationPhase::kAnnounced, RotationPhase::kSwitched}) {
      if (!absl::ConsumePrefix(&text, absl::StrCat("phase ", Absl(RotationPhaseName(phase)), "\n")))
        continue;
      state.phase = phase;
      known = true;
      break;
    }
    if (!known) return broken("no phase");
    std::vector<absl::string_view> parts = absl::StrSplit(text, "root\n");
    for (size_t i = 1; i < parts.size(); ++i) {
      const size_t end = parts[i].find("-----BEGIN CERTIFICATE-----");
      if (end == parts[i].npos) return broken("a root without a certificate");
      auto key = tls::PrivateKey::FromPem(Std(parts[i].substr(0, end)));
      if (!key.ok()) return broken(key.status().message());
      auto certificates = tls::Certificate::ListFromPem(Std(parts[i].substr(end)));
      if (!certificates.ok()) return broken(certificates.status().message());
      for (const tls::Certificate& certificate : *certificates) {
        if (certificate.public_key() != key->public_key() || !certificate.is_ca()) {
          return broken("a root whose certificate is not its key's");
        }
      }
      state.roots.push_back({*std::move(key), *std::move(certificates)});
    }
    const size_t want = state.phase == RotationPhase::kStable ? 1 : 2;
    if (state.roots.size() != want) return broken("the number of roots is not the phase's");
    state.Derive();
    return state;
  }
};

SelfSignedAuthority::SelfSignedAuthority(const SelfSignedOptions& options,
                                         std::shared_ptr<const State> state)
    : options_(options), state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<SelfSignedAuthority>> SelfSignedAuthority::Open(
    const SelfSignedOptions& options) {
  const auto text = options.store->Read(kStateName);
  State state;
  if (text.ok()) {
    auto read = State::Read(*text);
    if (!read.ok()) return read.status();
    state = *std::move(read);
  } else if (absl::IsNotFound(text.status())) {
    auto root = MakeRoot(options);
    if (!root.ok()) return root.status();
    state.roots.push_back(*std::move(root));
    state.Derive();
    if (absl::Status written = options.store->Write(kStateName, state.Write()); !written.ok()) {
      return written;
    }
    options.log->Log(
        LogLevel::kInfo, "ca",
        absl::StrCat("made the root ", state.rotation().root, ", valid to ",
                     absl::FormatTime(state.signer->not_after(), absl::UTCTimeZone())));
  } else {
    return text.status();
  }
  std::unique_ptr<SelfSignedAuthority> authority(
      new SelfSignedAuthority(options, std::make_shared<const State>(std::move(state))));
  return authority;
}

std::shared_ptr<const SelfSignedAuthority::State> SelfSignedAuthority::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

absl::Status SelfSignedAuthority::Become(State next) {
  next.Derive();
  if (absl::Status written = options_.store->Write(kStateName, next.Write()); !written.ok()) {
    return written;
  }
  auto frozen = std::make_shared<const State>(std::move(next));
  MutexLock lock(&mutex_);
  state_ = std::move(frozen);
  return absl::OkStatus();
}

absl::StatusOr<Issued> SelfSignedAuthority::Issue(const IssueRequest& request) {
  const std::shared_ptr<const State> now = state();
  auto leaf = SignLeaf(*now->signer, options_.leaf, request, options_.clock->Now());
  if (!leaf.ok()) return leaf.status();
  return Issued{*std::move(leaf), {}, now->signer->root, now->bundle};
}

std::shared_ptr<const TrustBundle> SelfSignedAuthority::bundle() const { return state()->bundle; }

absl::StatusOr<bool> SelfSignedAuthority::Maintain() {
  MutexLock lock(&change_);
  State next = *state();
  const absl::Time now = options_.clock->Now();
  bool changed = false;
  for (Root& root : next.roots) {
    const tls::Certificate& newest = root.newest();
    const absl::Duration life = newest.not_after() - newest.not_before();
    if (now >= newest.not_after() - life / 5) {
      auto successor = SignRoot(options_, root.key, now);
      if (!successor.ok()) return successor.status();
      options_.log->Log(
          LogLevel::kInfo, "ca",
          absl::StrCat("the root ", newest.Fingerprint(), " ends at ",
                       absl::FormatTime(newest.not_after(), absl::UTCTimeZone()),
                       "; its successor with the same key is ", successor->Fingerprint()));
      root.certificates.insert(root.certificates.begin(), *std::move(successor));
      changed = true;
    }
    // The newest stays, whatever its time: there is always one to show.
    const auto expired =
        std::remove_if(root.certificates.begin() + 1, root.certificates.end(),
                       [&](const tls::Certificate& c) { return c.not_after() <= now; });
    changed |= expired != root.certificates.end();
    root.certificates.erase(expired, root.certificates.end());
  }
  if (!changed) return false;
  if (absl::Status became = Become(std::move(next)); !became.ok()) return became;
  return true;
}

RotationState SelfSignedAuthority::rotation() const { return state()->rotation(); }

namespace {

absl::Status NotNext(RotationPhase phase) {
  return absl::FailedPreconditionError(absl::StrCat("the rotation is in the phase \"",
                                                    Absl(RotationPhaseName(phase)),
                                                    "\", this step is not the next one"));
}

}  // namespace

absl::Status SelfSignedAuthority::AnnounceNewRoot() {
  MutexLock lock(&change_);
  State next = *state();
  if (next.phase != RotationPhase::kStable) return NotNext(next.phase);
  auto root = MakeRoot(options_);
  if (!root.ok()) return root.status();
  next.roots.push_back(*std::move(root));
  next.phase = RotationPhase::kAnnounced;
  return Become(std::move(next));
}

absl::Status SelfSignedAuthority::SwitchToNewRoot(absl::Span<const ProxyProof> proxies) {
  MutexLock lock(&change_);
  State next = *state();
  if (next.phase != RotationPhase::kAnnounced) return NotNext(next.phase);
  if (absl::Status may = MayEnterNextPhase(next.rotation(), proxies); !may.ok()) return may;
  next.phase = RotationPhase::kSwitched;
  return Become(std::move(next));
}

absl::Status SelfSignedAuthority::RetireOldRoot(absl::Span<const ProxyProof> proxies) {
  MutexLock lock(&change_);
  State next = *state();
  if (next.phase != RotationPhase::kSwitched) return NotNext(next.phase);
  if (absl::Status may = MayEnterNextPhase(next.rotation(), proxies); !may.ok()) return may;
  next.roots.erase(next.roots.begin());
  next.phase = RotationPhase::kStable;
  return Become(std::move(next));
}

absl::Status SelfSignedAuthority::StepBack(absl::Span<const ProxyProof> proxies) {
  MutexLock lock(&change_);
  State next = *state();
  if (next.phase == RotationPhase::kStable) return NotNext(next.phase);
  if (next.phase == RotationPhase::kSwitched) {
    next.phase = RotationPhase::kAnnounced;
    return Become(std::move(next));
  }
  const std::string new_root = next.rotation().new_root;
  for (const ProxyProof& proxy : proxies) {
    if (proxy.leaf_root == new_root) {
      return absl::FailedPreconditionError(
          absl::StrCat(proxy.proxy, " still shows a certificate of the new root"));
    }
  }
  next.roots.pop_back();
  next.phase = RotationPhase::kStable;
  return Become(std::move(next));
}

}  // namespace mesh::ca
