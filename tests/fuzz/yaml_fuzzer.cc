// libFuzzer: one text of configuration, read and validated.
//
// 1. Every error says a place inside the text; every object has one.
// 2. An object is read, or has errors, or was skipped: one of the three.
// 3. Whatever the text, a document behind it is read as if it stood alone, and the text's own
//    objects are what they are without it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/config/read.h"
#include "mesh/config/resource.h"
#include "mesh/config/validate.h"

namespace {

using mesh::FieldError;
using mesh::SourcePosition;
using mesh::config::ReadObject;
using mesh::config::ReadResult;

[[noreturn]] void Fail(const char* what, const std::string& detail) {
  std::fprintf(stderr, "%s: %s\n", what, detail.c_str());
  std::abort();
}

// Where the lines of a text begin and how long they are; a line ends at its line feed.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    for (size_t at = 0;;) {
      const size_t end = text.find('\n', at);
      bytes_.push_back((end == std::string_view::npos ? text.size() : end) - at);
      if (end == std::string_view::npos) break;
      at = end + 1;
    }
  }
  // One behind the last byte counts as inside: that is where something is missing.
  bool Has(const SourcePosition& position) const {
    return position.line >= 1 && position.line <= static_cast<int>(bytes_.size()) &&
           position.column >= 1 &&
           position.column <= static_cast<int>(bytes_[position.line - 1]) + 1;
  }

 private:
  std::vector<size_t> bytes_;
};

void CheckErrors(const std::vector<FieldError>& errors, const Lines& lines) {
  for (const FieldError& error : errors) {
    if (!lines.Has(error.position)) Fail("an error's place is not in the text", error.ToString());
    if (error.message.empty()) Fail("an error says nothing", error.ToString());
  }
}

void Check(const ReadResult& read, const Lines& lines) {
  CheckErrors(read.errors, lines);
  size_t resources = 0, errors = 0, skipped = 0;
  for (const ReadObject& object : read.objects) {
    const std::string name = object.position.ToString() + " " + object.kind + " " + object.name;
    const int fates =
        (object.resource != nullptr) + !object.errors.empty() + !object.skipped.empty();
    if (fates != 1) Fail("an object has not one fate", name);
    if (!lines.Has(object.position)) Fail("an object's place is not in the text", name);
    resources += object.resource != nullptr;
    errors += object.errors.size();
    skipped += !object.skipped.empty();
    if (object.resource == nullptr) continue;
    const std::vector<FieldError> invalid = mesh::config::ValidateResource(*object.resource);
    CheckErrors(invalid, lines);
  }
  if (resources != read.resources.size() || errors != read.errors.size() ||
      skipped != read.skipped.size()) {
    Fail("the sums are wrong", std::to_string(read.objects.size()));
  }
}

std::string Text(const ReadObject& object) {
  // Where a text is found to be broken, and how, may depend on what comes behind.
  if (object.kind.empty() && object.errors.size() == 1) return "broken";
  std::string text = object.position.ToString() + " " + object.api_version + " " + object.kind +
                     " " + object.ns + " " + object.name + " " + object.skipped + "\n";
  for (const FieldError& error : object.errors) text += error.ToString() + "\n";
  if (object.resource != nullptr) text += object.resource->spec().DebugString();
  return text;
}

bool HasDirective(std::string_view text) {
  return (!text.empty() && text[0] == '%') || text.find("\n%") != std::string_view::npos ||
         text.find("\xEF\xBB\xBF%") == 0;
}

constexpr std::string_view kGood =
    "\n---\n{apiVersion: v1, kind: Service, metadata: {name: good}, spec: {ports: [{port: 80}]}}\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Lines lines(text);
  const ReadResult read = mesh::config::ReadYaml("f", text);
  Check(read, lines);
  Check(mesh::config::ReadMeshConfig("f", text), lines);

  // A directive belongs to the document behind it.
  if (HasDirective(text)) return 0;
  const ReadResult longer = mesh::config::ReadYaml("f", text + std::string(kGood));
  if (longer.objects.size() != read.objects.size() + 1 ||
      longer.objects.back().resource == nullptr || longer.objects.back().name != "good") {
    Fail("a good document behind it is lost", text);
  }
  for (size_t i = 0; i < read.objects.size(); ++i) {
    const std::string alone = Text(read.objects[i]), followed = Text(longer.objects[i]);
    if (alone != followed) Fail("a document behind it changes an object", alone + followed);
  }
  return 0;
}
