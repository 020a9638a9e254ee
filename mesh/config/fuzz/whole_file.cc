#include "mesh/config/fuzz/whole_file.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "mesh/base/strings.h"
#include "mesh/config/cut_documents.h"
#include "mesh/config/kind.h"
#include "mesh/config/read.h"
#include "mesh/config/validate.h"
#include "mesh/config/yaml_events.h"
#include "mesh/config/yaml_tree.h"

namespace mesh::config {
namespace {

constexpr char kFile[] = "file.yaml";

// Where the lines of a file begin, and how long they are.
class Lines {
 public:
  explicit Lines(std::string_view bytes) {
    size_t begin = 0;
    for (size_t i = 0; i <= bytes.size(); ++i) {
      if (i < bytes.size() && bytes[i] != '\n') {
        // YAML 1.1 ends lines at these too.
        odd_ = odd_ || bytes[i] == '\r' || static_cast<unsigned char>(bytes[i]) >= 0x80;
        continue;
      }
      lengths_.push_back(i - begin);
      begin = i + 1;
    }
  }
  bool Has(const SourcePosition& position) const {
    if (position.file == nullptr || *position.file != kFile) return false;
    if (position.line < 1 || position.column < 1) return false;
    if (odd_) return true;
    // The end of a file may be said to be the line after its last line feed.
    const size_t line = position.line;
    if (line == lengths_.size() + 1) return position.column == 1;
    return line <= lengths_.size() &&
           static_cast<size_t>(position.column) <= lengths_[line - 1] + 1;
  }

 private:
  std::vector<size_t> lengths_;
  bool odd_ = false;
};

std::string ProblemOf(const ReadResult& read, const Lines& lines) {
  const auto check = [&](const std::vector<FieldError>& errors) -> std::string {
    if (errors.size() > 1001) return absl::StrCat(errors.size(), " errors of one object");
    for (const FieldError& error : errors) {
      if (!lines.Has(error.position)) return "no place in the file: " + error.ToString();
      if (error.message.empty()) return "says nothing: " + error.ToString();
    }
    return "";
  };
  size_t errors = 0;
  size_t resources = 0;
  for (const ReadObject& object : read.objects) {
    if (!lines.Has(object.position)) return "an object without a place";
    if (std::string problem = check(object.errors); !problem.empty()) return problem;
    errors += object.errors.size();
    if (object.resource == nullptr) {
      if (object.errors.empty() && object.skipped.empty()) return "an object that is not there";
      continue;
    }
    if (!object.errors.empty()) return "an object with errors that was read all the same";
    ++resources;
    const Resource& resource = *object.resource;
    for (const bool delegates : {false, true}) {
      ValidateOptions options;
      options.delegates = delegates;
      const std::vector<FieldError> found = ValidateResource(resource, options);
      if (std::string problem = check(found); !problem.empty()) return problem;
    }
    if (!lines.Has(resource.PositionOf("spec"))) return "a spec without a place";
  }
  if (errors != read.errors.size() || resources != read.resources.size()) {
    return "what was read in all is not the sum of the objects";
  }
  return "";
}

void AddNames(const google::protobuf::Descriptor* message,
              std::set<const google::protobuf::Descriptor*>* seen, std::set<std::string>* fields,
              std::set<std::string>* values) {
  if (!seen->insert(message).second) return;
  for (int i = 0; i < message->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = message->field(i);
    fields->insert(field->json_name());
    if (field->enum_type() != nullptr) {
      for (int k = 0; k < field->enum_type()->value_count(); ++k) {
        values->insert(field->enum_type()->value(k)->name());
      }
    }
    if (field->message_type() != nullptr) AddNames(field->message_type(), seen, fields, values);
  }
}

std::vector<std::string> SplitLines(std::string_view file) {
  std::vector<std::string> lines;
  while (!file.empty()) {
    const size_t end = file.find('\n');
    const size_t size = end == std::string_view::npos ? file.size() : end + 1;
    lines.emplace_back(file.substr(0, size));
    file.remove_prefix(size);
  }
  return lines;
}

}  // namespace

std::string ProblemOfPlain(std::string_view document) {
  YamlTree plain;
  if (!plain.ReadPlain(document, 1)) return "";
  const std::unique_ptr<YamlEvents> events = ParseYaml(document, 1);
  YamlTree whole;
  YamlError error;
  if (!whole.Next(events.get(), &error)) return "taken as plain, and to libyaml " + error.message;
  if (plain.size() != whole.size()) return "plain, and not as many nodes as libyaml's";
  if (plain.line() != whole.line()) return "plain, and at another line than libyaml's";
  for (size_t id = 1; id < whole.size(); ++id) {
    const YamlNode& a = plain.raw(id);
    const YamlNode& b = whole.raw(id);
    const bool text = b.type == YamlNode::Type::kScalar;
    if (a.type == b.type && a.line == b.line && a.column == b.column && a.size == b.size &&
        a.next == b.next && a.first == b.first &&
        (!text || (a.style == b.style && plain.text(a) == whole.text(b)))) {
      continue;
    }
    return absl::StrCat("plain, and not as libyaml's: ", b.line, ":", b.column, " ",
                        DescribeNode(whole, id), ", is at ", a.line, ":", a.column, " ",
                        DescribeNode(plain, id));
  }
  if (whole.Next(events.get(), &error) || !error.message.empty()) {
    return "plain, and to libyaml more follows";
  }
  return "";
}

std::string ProblemOfFile(std::string_view bytes) {
  for (const Chunk& chunk : CutDocuments(bytes)) {
    if (std::string problem = ProblemOfPlain(chunk.bytes); !problem.empty()) return problem;
  }
  const Lines lines(bytes);
  std::string problem = ProblemOf(ReadYaml(kFile, bytes), lines);
  // What says that it is objects is not read as settings: those would be unknown fields, all of it.
  if (!problem.empty() || bytes.find("apiVersion:") != std::string_view::npos) return problem;
  problem = ProblemOf(ReadMeshConfig(kFile, bytes), lines);
  return problem.empty() ? "" : "as the mesh's settings: " + problem;
}

FileMutator::FileMutator() {
  std::set<const google::protobuf::Descriptor*> seen;
  std::set<std::string> fields = {"apiVersion", "kind", "metadata", "spec", "<<", "y", "on", "~"};
  std::set<std::string> values = {"y",
                                  "on",
                                  "no",
                                  "~",
                                  "null",
                                  "010",
                                  "0x1f",
                                  "1e3",
                                  "1.5",
                                  "-1",
                                  "65536",
                                  "4294967296",
                                  ".inf",
                                  "2020-01-31",
                                  "\"5\"",
                                  "'80'",
                                  "5s",
                                  "1h30m",
                                  "-1s",
                                  "100ns",
                                  "\"*\"",
                                  "\"*.com\"",
                                  "a.b.c",
                                  "./*",
                                  "ns/host.com",
                                  "10.0.0.0/8",
                                  "::1",
                                  "unix:///x",
                                  "\"[\"",
                                  "\"(?!x)\"",
                                  "|",
                                  ">-",
                                  "[]",
                                  "{}",
                                  "[*a, *a]",
                                  "*a",
                                  "&a",
                                  "&a {x: y}",
                                  "!!str 5",
                                  "!!int x",
                                  "\"\\u00e4\"",
                                  "\"\\x80\"",
                                  "networking.istio.io/v1",
                                  "security.istio.io/v1beta1",
                                  "v1",
                                  "List",
                                  "- ",
                                  "? ",
                                  "# x",
                                  "%TAG"};
  for (const KindInfo& info : AllKinds()) {
    AddNames(info.prototype->GetDescriptor(), &seen, &fields, &values);
    values.insert(std::string(info.name));
    fields.insert(std::string(info.name));
  }
  fields_.assign(fields.begin(), fields.end());
  values_.assign(values.begin(), values.end());
}

std::string FileMutator::Mutate(std::string_view file, SmallRandom* random) const {
  std::vector<std::string> lines = SplitLines(file);
  if (lines.empty()) lines.emplace_back("\n");
  const auto any = [&](const std::vector<std::string>& of) { return of[random->Below(of.size())]; };
  for (size_t edits = 1 + random->Below(3); edits > 0; --edits) {
    if (lines.empty()) break;
    const size_t at = random->Below(lines.size());
    std::string& line = lines[at];
    const size_t indent = std::min(line.find_first_not_of(" -"), line.size());
    const size_t colon = line.find(':', indent);
    switch (random->Below(10)) {
      case 0:
        lines.erase(lines.begin() + at);
        break;
      case 1:
        lines.insert(lines.begin() + random->Below(lines.size()), line);
        break;
      case 2:
        std::swap(line, lines[random->Below(lines.size())]);
        break;
      case 3:
        line.insert(0, 1 + random->Below(3), ' ');
        break;
      case 4:
        line.erase(0, std::min<size_t>(indent, 1 + random->Below(3)));
        break;
      case 5:
        if (colon != std::string::npos) line = line.substr(0, colon) + ": " + any(values_) + "\n";
        break;
      case 6:
        if (colon != std::string::npos) line.replace(indent, colon - indent, any(fields_));
        break;
      case 7:
        lines.insert(lines.begin() + at + 1,
                     std::string(indent, ' ') + any(fields_) + ": " + any(values_) + "\n");
        break;
      case 8:
        lines.resize(at);
        break;
      default:
        if (!line.empty()) {
          line[random->Below(line.size())] = static_cast<char>(random->Below(256));
        }
    }
  }
  std::string mutated;
  for (const std::string& line : lines) mutated += line;
  return mutated;
}

}  // namespace mesh::config
