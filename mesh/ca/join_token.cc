// A token's file: "EXPIRES IDENTITY\n", seconds since 1970 and a SPIFFE id, named by the SHA-256 of
// the token. Whoever succeeds in unlinking it has used the token: nobody else can.
#include "mesh/ca/join_token.h"

#include <unistd.h>

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"
#include "mesh/ca/file.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/digest.h"

namespace mesh::ca {
namespace {

std::string FileOf(const std::string& directory, std::string_view token) {
  return absl::StrCat(directory, "/", absl::BytesToHexString(tls::Sha256(token)));
}

absl::Status Refuse(absl::string_view why) { return absl::UnauthenticatedError(why); }

}  // namespace

absl::StatusOr<std::string> CreateJoinToken(const std::string& directory,
                                            const tls::SpiffeId& identity, absl::Time expires) {
  // The same demands as on a store of keys.
  const auto checked = DirectoryStore::Open(directory);
  if (!checked.ok()) return checked.status();
  const std::string token = absl::WebSafeBase64Escape(tls::RandomBytes(32));
  const absl::Status written =
      ReplaceFile(FileOf(directory, token),
                  absl::StrCat(absl::ToUnixSeconds(expires), " ", identity.ToString(), "\n"), 0600);
  if (!written.ok()) return written;
  return token;
}

absl::StatusOr<tls::SpiffeId> UseJoinToken(const std::string& directory, std::string_view token,
                                           absl::Time now) {
  const std::string file = FileOf(directory, token);
  const auto text = ReadFile(file);
  if (!text.ok() || unlink(file.c_str()) != 0) return Refuse("it is none, or was used before");
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripAsciiWhitespace(*text), ' ');
  int64_t expires = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &expires)) {
    return Refuse("its file cannot be read");
  }
  if (now >= absl::FromUnixSeconds(expires)) return Refuse("it has expired");
  auto identity = tls::SpiffeId::Parse(Std(parts[1]));
  if (!identity.ok()) return Refuse("its file names no identity");
  return identity;
}

}  // namespace mesh::ca
