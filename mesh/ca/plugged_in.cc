#include "mesh/ca/plugged_in.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "mesh/ca/file.h"
#include "mesh/tls/digest.h"
#include "mesh/tls/verify.h"

namespace mesh::ca {
namespace {

struct Files {
  std::string certificate, key, roots, chain;
  // Not the bytes themselves: the key is not kept twice.
  std::string Digest() const {
    return tls::Sha256(absl::StrCat(certificate.size(), ":", certificate, key.size(), ":", key,
                                    roots.size(), ":", roots, chain));
  }
};

absl::Status Wrong(const std::string& path, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<Files> ReadFiles(const std::string& directory) {
  Files files;
  for (auto& [name, into] :
       {std::pair<const char*, std::string*>{"/ca-cert.pem", &files.certificate},
        {"/ca-key.pem", &files.key},
        {"/root-cert.pem", &files.roots},
        {"/cert-chain.pem", &files.chain}}) {
    auto bytes = ReadFile(directory + name);
    if (!bytes.ok() && into == &files.chain && absl::IsNotFound(bytes.status())) continue;
    if (!bytes.ok()) return bytes.status();
    *into = *std::move(bytes);
  }
  return files;
}

// An authority is no leaf, so VerifyChain does not apply: what it signs is tried instead.
absl::Status TrySigning(const SigningKey& signer, const LeafPolicy& policy, absl::Time now) {
  const auto id = tls::SpiffeId::Workload("cluster.local", "istio-system", "trial");
  const auto key = tls::PrivateKey::Generate();
  if (!key.ok()) return key.status();
  const auto leaf = SignLeaf(signer, policy, {key->public_key(), *id, absl::Minutes(1)}, now);
  if (!leaf.ok()) return leaf.status();
  std::vector<tls::Certificate> chain = {*leaf};
  chain.insert(chain.end(), signer.intermediates.begin(), signer.intermediates.end());
  return tls::VerifyChain(chain, tls::TrustRoots({signer.root}), {now, tls::PeerRole::kServer});
}

}  // namespace

struct PluggedInAuthority::Loaded {
  std::string digest;
  SigningKey signer;
  std::shared_ptr<const TrustBundle> bundle;
};

absl::StatusOr<std::shared_ptr<const PluggedInAuthority::Loaded>> PluggedInAuthority::Load(
    const PluggedInOptions& options) {
  const std::string& at = options.directory;
  const auto files = ReadFiles(at);
  if (!files.ok()) return files.status();
  const absl::Time now = options.clock->Now();

  const auto certificate = tls::Certificate::FromPem(files->certificate);
  if (!certificate.ok()) return Wrong(at + "/ca-cert.pem", certificate.status().message());
  const auto key = tls::PrivateKey::FromPem(files->key);
  if (!key.ok()) return Wrong(at + "/ca-key.pem", key.status().message());
  const auto roots = tls::Certificate::ListFromPem(files->roots);
  if (!roots.ok()) return Wrong(at + "/root-cert.pem", roots.status().message());
  if (certificate->public_key() != key->public_key()) {
    return Wrong(at + "/ca-key.pem", "is not the key of ca-cert.pem");
  }
  if (!certificate->is_ca() || !certificate->may_sign_certificates()) {
    return Wrong(at + "/ca-cert.pem", "may not sign certificates (CA:TRUE, keyCertSign)");
  }
  for (const tls::Certificate& root : *roots) {
    if (!root.is_ca()) {
      return Wrong(at + "/root-cert.pem", "holds a certificate that is no authority's");
    }
  }
  std::vector<tls::Certificate> chain;
  if (!files->chain.empty()) {
    auto listed = tls::Certificate::ListFromPem(files->chain);
    if (!listed.ok()) return Wrong(at + "/cert-chain.pem", listed.status().message());
    chain = *std::move(listed);
  }
  const auto is_root = [&](const tls::Certificate& c) {
    return std::find(roots->begin(), roots->end(), c) != roots->end();
  };
  chain.erase(std::remove_if(chain.begin(), chain.end(), is_root), chain.end());
  if (!is_root(*certificate) && (chain.empty() || chain.front() != *certificate)) {
    if (std::find(chain.begin(), chain.end(), *certificate) != chain.end()) {
      return Wrong(at + "/cert-chain.pem", "does not begin with ca-cert.pem");
    }
    chain.insert(chain.begin(), *certificate);
  }

  absl::Status why;
  for (const tls::Certificate& root : *roots) {
    SigningKey signer{*certificate, *key, chain, root};
    const absl::Status works = TrySigning(signer, options.leaf, now);
    if (works.ok()) {
      auto bundle = std::make_shared<TrustBundle>(TrustBundle{{root}});
      for (const tls::Certificate& other : *roots) {
        if (other != root) bundle->roots.push_back(other);
      }
      return std::make_shared<const Loaded>(
          Loaded{files->Digest(), std::move(signer), std::move(bundle)});
    }
    if (why.ok()) why = works;
  }
  return Wrong(at, absl::StrCat("ca-cert.pem and cert-chain.pem do not lead to a root of "
                                "root-cert.pem: ",
                                why.message()));
}

PluggedInAuthority::PluggedInAuthority(const PluggedInOptions& options,
                                       std::shared_ptr<const Loaded> loaded)
    : options_(options), loaded_(std::move(loaded)) {}

absl::StatusOr<std::unique_ptr<PluggedInAuthority>> PluggedInAuthority::Open(
    const PluggedInOptions& options) {
  auto loaded = Load(options);
  if (!loaded.ok()) return loaded.status();
  return std::unique_ptr<PluggedInAuthority>(new PluggedInAuthority(options, *std::move(loaded)));
}

std::shared_ptr<const PluggedInAuthority::Loaded> PluggedInAuthority::loaded() const {
  MutexLock lock(&mutex_);
  return loaded_;
}

absl::StatusOr<Issued> PluggedInAuthority::Issue(const IssueRequest& request) {
  const std::shared_ptr<const Loaded> now = loaded();
  auto leaf = SignLeaf(now->signer, options_.leaf, request, options_.clock->Now());
  if (!leaf.ok()) return leaf.status();
  return Issued{*std::move(leaf), now->signer.intermediates, now->signer.root, now->bundle};
}

std::shared_ptr<const TrustBundle> PluggedInAuthority::bundle() const { return loaded()->bundle; }

absl::StatusOr<bool> PluggedInAuthority::Reload() {
  const auto files = ReadFiles(options_.directory);
  if (!files.ok()) return files.status();
  if (files->Digest() == loaded()->digest) return false;
  auto next = Load(options_);
  if (!next.ok()) return next.status();
  options_.log->Log(LogLevel::kInfo, "ca",
                    absl::StrCat("reloaded the authority of ", options_.directory, ": ",
                                 (*next)->signer.certificate.subject()));
  MutexLock lock(&mutex_);
  loaded_ = *std::move(next);
  return true;
}

}  // namespace mesh::ca
