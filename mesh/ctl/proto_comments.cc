// A plugin of protoc: the comments of all messages, fields, enums and their values, as rows of a
// table in C++ that field_comments.cc includes. Which comments: those right above a declaration.
// Fields that they name are named as in YAML: redirect_code is redirectCode.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/compiler/code_generator.h"
#include "google/protobuf/compiler/plugin.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::SourceLocation;

// Lines of one paragraph become one line.
std::string Flowed(const std::string& comment) {
  std::string text;
  bool paragraph = false;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) {
      paragraph = !text.empty();
      continue;
    }
    absl::StrAppend(&text, text.empty() ? "" : paragraph ? "\n\n" : " ", line);
    paragraph = false;
  }
  return text;
}

class Comments {
 public:
  template <class D>
  void Add(const std::string& name, const D* descriptor) {
    SourceLocation location;
    if (!descriptor->GetSourceLocation(&location)) return;
    const std::string text = Flowed(location.leading_comments);
    if (!text.empty()) by_name_[name] = text;
  }
  void AddEnum(const EnumDescriptor* type) {
    Add(type->full_name(), type);
    for (int i = 0; i < type->value_count(); ++i) {
      // Values are their enum's siblings by full name; here they are its children.
      Add(absl::StrCat(type->full_name(), ".", type->value(i)->name()), type->value(i));
    }
  }
  void AddMessage(const Descriptor* message) {
    Add(message->full_name(), message);
    for (int i = 0; i < message->field_count(); ++i) {
      const google::protobuf::FieldDescriptor* field = message->field(i);
      Add(field->full_name(), field);
      in_yaml_[field->name()] = field->json_name();
    }
    for (int i = 0; i < message->enum_type_count(); ++i) AddEnum(message->enum_type(i));
    for (int i = 0; i < message->nested_type_count(); ++i) AddMessage(message->nested_type(i));
  }
  // Once all have been added.
  std::map<std::string, std::string> InYaml() const {
    std::map<std::string, std::string> all;
    for (const auto& [name, text] : by_name_) all[name] = InYaml(text);
    return all;
  }

 private:
  std::string InYaml(const std::string& text) const {
    std::string changed;
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && (absl::ascii_isalnum(text[end]) || text[end] == '_')) ++end;
      if (end == at) {
        changed += text[at++];
        continue;
      }
      const std::string word = text.substr(at, end - at);
      const auto known = in_yaml_.find(word);
      changed +=
          word.find('_') != std::string::npos && known != in_yaml_.end() ? known->second : word;
      at = end;
    }
    return changed;
  }

  std::map<std::string, std::string> by_name_;
  std::map<std::string, std::string> in_yaml_;  // names of fields
};

class Generator : public google::protobuf::compiler::CodeGenerator {
 public:
  bool GenerateAll(const std::vector<const FileDescriptor*>& files, const std::string& output,
                   google::protobuf::compiler::GeneratorContext* context,
                   std::string* error) const override {
    Comments comments;
    for (const FileDescriptor* file : files) {
      for (int i = 0; i < file->message_type_count(); ++i)
        comments.AddMessage(file->message_type(i));
      for (int i = 0; i < file->enum_type_count(); ++i) comments.AddEnum(file->enum_type(i));
    }
    const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(context->Open(output));
    google::protobuf::io::Printer printer(stream.get(), '$');
    for (const auto& [name, text] : comments.InYaml()) {
      printer.PrintRaw(absl::StrCat("{\"", name, "\", R\"WORDS(", text, ")WORDS\"},\n"));
    }
    return !printer.failed();
  }
  bool Generate(const FileDescriptor* file, const std::string& output,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override {
    return GenerateAll({file}, output, context, error);
  }
  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
};

}  // namespace

int main(int argc, char** argv) {
  const Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
