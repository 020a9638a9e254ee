#include "mesh/ca/workload_certificate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/csr.h"
#include "mesh/tls/digest.h"
#include "mesh/tls/verify.h"

namespace mesh::ca {
namespace {

// While nothing is due, look at the clock this often all the same: it may have been set.
constexpr absl::Duration kLongestWait = absl::Minutes(5);

double RandomJitter() {
  const std::string bytes = tls::RandomBytes(2);
  return (static_cast<uint8_t>(bytes[0]) * 256 + static_cast<uint8_t>(bytes[1])) / 65536.0;
}

}  // namespace

WorkloadCertificate::WorkloadCertificate(WorkloadCertificateOptions options)
    : options_(std::move(options)) {}

std::shared_ptr<const WorkloadCertificate::Held> WorkloadCertificate::current() const {
  MutexLock lock(&mutex_);
  return held_;
}
absl::Status WorkloadCertificate::last_error() const {
  MutexLock lock(&mutex_);
  return last_error_;
}
void WorkloadCertificate::OnChange(std::function<void(std::shared_ptr<const Held>)> listener) {
  MutexLock lock(&mutex_);
  listeners_.push_back(std::move(listener));
}

absl::StatusOr<WorkloadCertificate::Held> WorkloadCertificate::Obtain() {
  auto key = tls::PrivateKey::Generate(options_.key);
  if (!key.ok()) return key.status();
  const auto csr = tls::CreateCsr(*key, {});
  if (!csr.ok()) return csr.status();
  auto obtained = options_.request(*csr);
  if (!obtained.ok()) return obtained.status();
  if (obtained->chain.empty() || obtained->roots.empty()) {
    return absl::InternalError("the authority answered without a chain");
  }
  const tls::Certificate& leaf = obtained->chain.front();
  if (leaf.public_key() != key->public_key()) {
    return absl::InternalError("the authority answered with a certificate for another key");
  }
  const auto id = leaf.SpiffeIdentity();
  if (!id.ok()) return id.status();
  const auto before = current();
  if (before != nullptr && *before->identity.chain.front().SpiffeIdentity() != *id) {
    return absl::InternalError(
        absl::StrCat("the authority answered with another identity, ", id->ToString()));
  }
  // Clocks may differ by the two minutes that leaves are dated back.
  const absl::Time now = std::max(options_.clock->Now(), leaf.not_before());
  const absl::Status leads = tls::VerifyChain(obtained->chain, tls::TrustRoots(obtained->roots),
                                              {now, tls::PeerRole::kAny});
  if (!leads.ok()) return leads;
  return Held{{std::move(obtained->chain), *std::move(key)},
              std::move(obtained->roots),
              before == nullptr ? 1 : before->generation + 1};
}

void WorkloadCertificate::Become(std::shared_ptr<const Held> fresh) {
  std::vector<std::function<void(std::shared_ptr<const Held>)>> listeners;
  {
    MutexLock lock(&mutex_);
    held_ = fresh;
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener(fresh);
}

absl::Status WorkloadCertificate::Adopt(tls::Identity identity,
                                        std::vector<tls::Certificate> roots) {
  const tls::Certificate& leaf = identity.chain.front();
  const auto id = leaf.SpiffeIdentity();
  if (!id.ok()) return id.status();
  const absl::Time now = options_.clock->Now();
  const absl::Status leads =
      tls::VerifyChain(identity.chain, tls::TrustRoots(roots), {now, tls::PeerRole::kAny});
  if (!leads.ok()) return absl::FailedPreconditionError(leads.message());
  next_ = RenewalTime(leaf.not_before(), leaf.not_after(),
                      options_.jitter ? options_.jitter() : RandomJitter());
  options_.log->Log(LogLevel::kInfo, "ca",
                    absl::StrCat("goes on with the certificate of ", id->ToString(),
                                 ", which expires ", InWords(leaf.not_after(), now)));
  Become(std::make_shared<const Held>(Held{std::move(identity), std::move(roots), 1}));
  return absl::OkStatus();
}

void WorkloadCertificate::SetRoots(std::vector<tls::Certificate> roots) {
  const auto before = current();
  if (before == nullptr || roots.empty() || before->roots == roots) return;
  const absl::Time now = options_.clock->Now();
  const absl::Status leads = tls::VerifyChain(
      before->identity.chain, tls::TrustRoots({roots.front()}),
      {std::max(now, before->identity.chain.front().not_before()), tls::PeerRole::kAny});
  if (!leads.ok()) next_ = absl::InfinitePast();
  options_.log->Log(LogLevel::kInfo, "ca",
                    absl::StrCat("trusts ", roots.size(), roots.size() == 1 ? " root" : " roots",
                                 leads.ok() ? "" : "; the certificate is renewed from the first"));
  Become(std::make_shared<const Held>(
      Held{before->identity, std::move(roots), before->generation + 1}));
}

void WorkloadCertificate::RaiseAlarm(absl::Time now, const absl::Status& why) {
  const auto held = current();
  if (held == nullptr) return;
  const tls::Certificate& leaf = held->identity.chain.front();
  const Freshness freshness = FreshnessOf(leaf, now);
  // Each stage is said once.
  if (freshness <= announced_) return;
  announced_ = freshness;
  options_.log->Log(
      freshness == Freshness::kDue ? LogLevel::kWarning : LogLevel::kError, "ca",
      absl::StrCat("the certificate of ", leaf.SpiffeIdentity()->ToString(),
                   freshness == Freshness::kExpired ? " expired " : " expires ",
                   InWords(leaf.not_after(), now), " and is not renewed: ", why.message()));
}

absl::Time WorkloadCertificate::Poll() {
  const absl::Time now = options_.clock->Now();
  // A clock that was set back must not put a renewal off.
  if (now < next_ && next_ - now < absl::Hours(24 * 365)) {
    if (failures_ > 0) RaiseAlarm(now, last_error());
    return std::min(next_, now + kLongestWait);
  }
  const double jitter = options_.jitter ? options_.jitter() : RandomJitter();
  auto obtained = Obtain();
  if (!obtained.ok()) {
    {
      MutexLock lock(&mutex_);
      last_error_ = obtained.status();
    }
    ++failures_;
    next_ = now + RenewalRetry(failures_, jitter);
    options_.log->Log(
        LogLevel::kWarning, "ca",
        absl::StrCat("no certificate in ", failures_,
                     failures_ == 1 ? " attempt: " : " attempts: ", obtained.status().message()));
    RaiseAlarm(now, obtained.status());
    return std::min(next_, now + kLongestWait);
  }
  failures_ = 0;
  announced_ = Freshness::kFresh;
  auto fresh = std::make_shared<const Held>(*std::move(obtained));
  const tls::Certificate& leaf = fresh->identity.chain.front();
  // One that lives not much longer than it is dated back would be renewed at once, and again.
  next_ = std::max(RenewalTime(leaf.not_before(), leaf.not_after(), jitter),
                   now + (leaf.not_after() - now) * 0.4);
  options_.log->Log(
      LogLevel::kInfo, "ca",
      absl::StrCat("certificate ", fresh->generation, " of ", leaf.SpiffeIdentity()->ToString(),
                   " expires ", InWords(leaf.not_after(), now)));
  {
    MutexLock lock(&mutex_);
    last_error_ = absl::OkStatus();
  }
  Become(std::move(fresh));
  return std::min(next_, now + kLongestWait);
}

}  // namespace mesh::ca
