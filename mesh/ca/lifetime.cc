#include "mesh/ca/lifetime.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"

namespace mesh::ca {

absl::Time RenewalTime(absl::Time not_before, absl::Time not_after, double jitter) {
  return not_before + (not_after - not_before) * (0.5 - 0.1 * jitter);
}

absl::Duration RenewalRetry(int attempt, double jitter) {
  const int doublings = std::clamp(attempt - 1, 0, 20);
  const absl::Duration wait = std::min(absl::Seconds(int64_t{1} << doublings), absl::Minutes(5));
  return wait * (1 - 0.25 * jitter);
}

std::string_view FreshnessName(Freshness freshness) {
  switch (freshness) {
    case Freshness::kFresh:
      return "fresh";
    case Freshness::kDue:
      return "due";
    case Freshness::kAlarm:
      return "alarm";
    case Freshness::kExpired:
      return "expired";
  }
  return "";
}

Freshness FreshnessOf(const tls::Certificate& certificate, absl::Time now) {
  const absl::Duration life = certificate.not_after() - certificate.not_before();
  const absl::Duration left = certificate.not_after() - now;
  if (left <= absl::ZeroDuration()) return Freshness::kExpired;
  if (left <= life / 4) return Freshness::kAlarm;
  if (left < life / 2) return Freshness::kDue;
  return Freshness::kFresh;
}

std::string InWords(absl::Time time, absl::Time now) {
  const struct {
    int64_t seconds;
    const char* name;
  } kUnits[] = {{365 * 86400, "y"}, {86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  const bool past = time <= now;
  int64_t left = absl::ToInt64Seconds(past ? now - time : time - now);
  if (left == 0) return "now";
  std::vector<std::string> words;
  for (const auto& unit : kUnits) {
    const int64_t count = left / unit.seconds;
    left %= unit.seconds;
    if (count > 0) words.push_back(absl::StrCat(count, " ", unit.name));
    if (words.size() == 2 || (!words.empty() && count == 0)) break;
  }
  const std::string text = absl::StrJoin(words, " ");
  return past ? text + " ago" : "in " + text;
}

std::string Inspect(absl::Span<const tls::Certificate> chain, absl::Time now) {
  std::string out;
  for (const tls::Certificate& c : chain) {
    std::vector<std::string> names, usages;
    for (const tls::SubjectAltName& name : c.sans()) names.push_back(name.ToString());
    if (c.is_ca()) usages.push_back("authority");
    if (!c.is_ca() && c.may_serve()) usages.push_back("server");
    if (!c.is_ca() && c.may_be_client()) usages.push_back("client");
    const std::string subject = c.subject();
    absl::StrAppend(
        &out, out.empty() ? "" : "\n",                                                 //
        "subject:     ", subject.empty() ? "(empty)" : subject, "\n",                  //
        "names:       ", names.empty() ? "(none)" : absl::StrJoin(names, ", "), "\n",  //
        "issuer:      ", c.self_signed() ? "itself" : c.issuer(), "\n",                //
        "begins:      ", absl::FormatTime(absl::RFC3339_sec, c.not_before(), absl::UTCTimeZone()),
        " (", InWords(c.not_before(), now), ")\n",
        "expires:     ", absl::FormatTime(absl::RFC3339_sec, c.not_after(), absl::UTCTimeZone()),
        " (", InWords(c.not_after(), now), ", ", Absl(FreshnessName(FreshnessOf(c, now))), ")\n",
        "serial:      ", c.serial(), "\n",                    //
        "key:         ", c.public_key().Description(), "\n",  //
        "for:         ", absl::StrJoin(usages, ", "), "\n",   //
        "fingerprint: ", c.Fingerprint(), "\n");
  }
  return out;
}

}  // namespace mesh::ca
