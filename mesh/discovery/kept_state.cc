#include "mesh/discovery/kept_state.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "mesh/base/content_hash.h"
#include "mesh/base/strings.h"
#include "mesh/discovery/kept_objects.pb.h"

namespace mesh::discovery {
namespace {

constexpr char kFile[] = "last-good";
// Then the hash of what follows it, and a line feed.
constexpr std::string_view kHead = "mesh kept objects 1 ";
constexpr size_t kHashSize = 32;
// At most a tenth of the time goes into writing.
constexpr int kRestPerWork = 9;

KeptObject Encode(const config::Resource& resource) {
  KeptObject object;
  object.set_kind(std::string(config::KindName(resource.kind())));
  object.set_api_version(resource.api_version());
  const config::Metadata& from = resource.metadata();
  kubernetes::v1::ObjectMeta* to = object.mutable_metadata();
  to->set_name(from.name);
  to->set_namespace_(from.ns);
  to->mutable_labels()->insert(from.labels.begin(), from.labels.end());
  to->mutable_annotations()->insert(from.annotations.begin(), from.annotations.end());
  if (from.creation.has_value()) {
    to->set_creation_timestamp(
        absl::FormatTime(absl::RFC3339_full, *from.creation, absl::UTCTimeZone()));
  }
  to->set_uid(from.uid);
  to->set_resource_version(from.resource_version);
  for (const config::Metadata::Owner& owner : from.owners) {
    kubernetes::v1::OwnerReference* reference = to->add_owner_references();
    reference->set_kind(owner.kind);
    reference->set_name(owner.name);
  }
  resource.spec().SerializeToString(object.mutable_spec());
  object.set_line(resource.position().line);
  object.set_column(resource.position().column);
  return object;
}

const config::KindInfo* FindKindByName(std::string_view name) {
  for (const config::KindInfo& info : config::AllKinds()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

// Null: of a kind or a form that this version does not know.
config::ResourcePtr Decode(const KeptObject& object,
                           const std::shared_ptr<const std::string>& file) {
  const config::KindInfo* const info = FindKindByName(object.kind());
  if (info == nullptr) return nullptr;
  std::shared_ptr<google::protobuf::Message> spec(info->prototype->New());
  if (!spec->ParseFromString(object.spec())) return nullptr;
  config::Resource::Parts parts;
  parts.kind = info->kind;
  parts.api_version = object.api_version();
  const kubernetes::v1::ObjectMeta& from = object.metadata();
  parts.metadata.name = from.name();
  parts.metadata.ns = from.namespace_();
  parts.metadata.labels = {from.labels().begin(), from.labels().end()};
  parts.metadata.annotations = {from.annotations().begin(), from.annotations().end()};
  absl::Time creation;
  if (absl::ParseTime(absl::RFC3339_full, from.creation_timestamp(), &creation, nullptr)) {
    parts.metadata.creation = creation;
  }
  parts.metadata.uid = from.uid();
  parts.metadata.resource_version = from.resource_version();
  for (const kubernetes::v1::OwnerReference& owner : from.owner_references()) {
    parts.metadata.owners.push_back({owner.kind(), owner.name()});
  }
  parts.spec = std::move(spec);
  parts.position = {file, object.line(), object.column()};
  return std::make_shared<const config::Resource>(std::move(parts));
}

}  // namespace

std::string EncodeKept(const std::vector<config::KeptUnit>& units) {
  KeptObjects all;
  for (const config::KeptUnit& unit : units) {
    KeptUnit* const out = all.add_units();
    out->set_source(unit.source);
    out->set_name(unit.name);
    if (unit.extent.has_value()) {
      out->mutable_extent()->set_size(unit.extent->size);
      out->mutable_extent()->set_line_feed(unit.extent->line_feed);
    }
    for (const config::ResourcePtr& resource : unit.objects) {
      *out->add_objects() = Encode(*resource);
    }
  }
  const std::string bytes = all.SerializeAsString();
  return absl::StrCat(Absl(kHead), ContentHash(bytes), "\n", bytes);
}

absl::StatusOr<std::vector<config::KeptUnit>> DecodeKept(std::string_view bytes) {
  const absl::Status damaged = absl::DataLossError("is damaged or of another version");
  const size_t head = kHead.size() + kHashSize + 1;
  if (bytes.size() < head || bytes.substr(0, kHead.size()) != kHead || bytes[head - 1] != '\n') {
    return damaged;
  }
  const std::string_view body = bytes.substr(head);
  if (bytes.substr(kHead.size(), kHashSize) != ContentHash(body)) return damaged;
  KeptObjects all;
  if (!all.ParseFromArray(body.data(), static_cast<int>(body.size()))) return damaged;
  std::vector<config::KeptUnit> units;
  for (const KeptUnit& unit : all.units()) {
    config::KeptUnit& out = units.emplace_back();
    out.source = unit.source();
    out.name = unit.name();
    if (unit.has_extent()) out.extent = {unit.extent().size(), unit.extent().line_feed()};
    const auto file = std::make_shared<const std::string>(unit.name());
    for (const KeptObject& object : unit.objects()) {
      if (config::ResourcePtr resource = Decode(object, file)) {
        out.objects.push_back(std::move(resource));
      }
    }
  }
  return units;
}

absl::StatusOr<std::unique_ptr<KeptState>> KeptState::Open(const std::string& directory,
                                                           LogSink* log) {
  absl::StatusOr<std::unique_ptr<ca::DirectoryStore>> files = ca::DirectoryStore::Open(directory);
  if (!files.ok()) return files.status();
  return std::unique_ptr<KeptState>(new KeptState(*std::move(files), directory, log));
}

KeptState::KeptState(std::unique_ptr<ca::DirectoryStore> files, std::string directory, LogSink* log)
    : files_(std::move(files)), directory_(std::move(directory)), log_(log) {
  // A signal is the host's; and one that says that a file has grown too large is an error of write
  // where it is blocked.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "kept-state");
}

KeptState::~KeptState() { Stop(); }

std::vector<config::KeptUnit> KeptState::Load() {
  const absl::StatusOr<std::string> bytes = files_->Read(kFile);
  if (absl::IsNotFound(bytes.status())) return {};
  absl::StatusOr<std::vector<config::KeptUnit>> units =
      bytes.ok() ? DecodeKept(*bytes) : bytes.status();
  if (units.ok()) return *std::move(units);
  log_->Log(LogLevel::kError, "discovery",
            absl::StrCat(directory_, "/", kFile, ": ", units.status().message(),
                         "; of objects that are broken now no earlier version is known"));
  return {};
}

void KeptState::Save(std::vector<config::KeptUnit> units) {
  MutexLock lock(&mutex_);
  waiting_ = std::move(units);
  changed_.NotifyAll();
}

void KeptState::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void KeptState::Work() {
  using std::chrono::steady_clock;
  steady_clock::time_point not_before;
  for (;;) {
    std::vector<config::KeptUnit> units;
    {
      MutexLock lock(&mutex_);
      while (!waiting_.has_value() && !stopping_) changed_.Wait(&mutex_);
      while (!stopping_ && changed_.WaitUntil(&mutex_, not_before)) {
      }
      if (!waiting_.has_value()) return;
      units = *std::exchange(waiting_, std::nullopt);
    }
    const steady_clock::time_point begin = steady_clock::now();
    Write(units);
    const steady_clock::time_point end = steady_clock::now();
    not_before = end + kRestPerWork * (end - begin);
  }
}

void KeptState::Write(const std::vector<config::KeptUnit>& units) {
  const std::string bytes = EncodeKept(units);
  const absl::Status status =
      bytes.size() > kMostBytes
          ? absl::ResourceExhaustedError(absl::StrCat("the objects take ", bytes.size(),
                                                      " bytes, at most ", kMostBytes, " are kept"))
          : files_->Write(kFile, bytes);
  const std::string problem =
      status.ok()
          ? ""
          : absl::StrCat("what is in force cannot be kept for the next start: ", status.message(),
                         "; what was kept before stays");
  if (problem != said_) {
    log_->Log(problem.empty() ? LogLevel::kInfo : LogLevel::kError, "discovery",
              problem.empty() ? "what is in force is kept for the next start again" : problem);
  }
  said_ = problem;
}

}  // namespace mesh::discovery
