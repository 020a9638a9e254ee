#include "mesh/ctl/analyze.h"

#include <algorithm>
#include <istream>
#include <iterator>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"
#include "mesh/ctl/json_output.h"
#include "mesh/local/files.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using analysis::Finding;
using analysis::Level;
using Json = nlohmann::ordered_json;

struct AnalyzeFlags {
  InputFlags input;
  OutputFlags output;
  std::string fail_on = "error";
  std::vector<std::string> suppress;
};

// Files by the name that positions carry.
struct Texts {
  std::vector<config::ReadResult> files;
  std::map<std::string, std::string> bytes;
  bool unreadable = false;
};

Texts ReadTexts(const InputFlags& flags, Context* context) {
  Texts texts;
  config::ReadOptions options;
  options.default_namespace = flags.default_namespace;
  std::vector<std::pair<std::string, std::string>> read;  // name, bytes
  const auto unreadable = [&](const absl::Status& status) {
    texts.unreadable = true;
    context->err << "meshctl: " << std::string(status.message()) << "\n";
  };
  for (const std::string& path : flags.paths) {
    if (path == "-") {
      read.emplace_back("-", std::string(std::istreambuf_iterator<char>(context->in),
                                         std::istreambuf_iterator<char>()));
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> files = local::ListYamlFiles(path);
    if (!files.ok()) {
      unreadable(files.status());
      continue;
    }
    for (const std::string& file : *files) {
      absl::StatusOr<std::string> text = local::ReadFile(file);
      if (text.ok()) {
        read.emplace_back(file, *std::move(text));
      } else {
        unreadable(text.status());
      }
    }
  }
  // Of two objects with one key the first in path order stays, whatever the order of the flags.
  std::stable_sort(read.begin(), read.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [name, bytes] : read) {
    texts.files.push_back(config::ReadYaml(name, bytes, options));
    texts.bytes.emplace(name, std::move(bytes));
  }
  return texts;
}

// '*' is any number of characters.
bool Matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (text.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t i = star; i <= text.size(); ++i) {
    if (Matches(rest, text.substr(i))) return true;
  }
  return false;
}

// CODE=Kind/ns/name; for kinds without namespaces Kind/name as well.
bool IsSuppressed(const Finding& finding, const std::string& rule) {
  const size_t equals = rule.find('=');
  const std::string_view object = std::string_view(rule).substr(equals + 1);
  if (!Matches(std::string_view(rule).substr(0, equals), finding.code)) return false;
  return Matches(object, finding.kind + "/" + finding.ns + "/" + finding.name) ||
         (finding.ns.empty() && Matches(object, finding.kind + "/" + finding.name));
}

std::string FileOf(const Finding& finding) {
  return finding.position.file == nullptr ? "" : *finding.position.file;
}

Json ToJson(const Finding& finding) {
  return {{"code", finding.code},
          {"level", analysis::LevelName(finding.level)},
          {"message", finding.message},
          {"kind", finding.kind},
          {"namespace", finding.ns},
          {"name", finding.name},
          {"file", FileOf(finding)},
          {"line", finding.position.line},
          {"column", finding.position.column},
          {"field", finding.field},
          {"remedy", finding.remedy},
          {"documentation", finding.documentation}};
}

// The line, and under it a caret below the column. Tabs stay tabs, so that the caret stands right.
void PrintLine(const std::string& text, const Finding& finding, std::ostream& out) {
  size_t begin = 0;
  for (int line = 1; line < finding.position.line; ++line) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return;
    ++begin;
  }
  std::string row = text.substr(begin, text.find('\n', begin) - begin);
  if (!row.empty() && row.back() == '\r') row.pop_back();
  std::string caret;
  for (int i = 0; i + 1 < finding.position.column && i < static_cast<int>(row.size()); ++i) {
    const unsigned char c = row[i];
    if (c == '\t') caret += '\t';
    if (c != '\t' && (c & 0xC0) != 0x80) caret += ' ';  // one column for each UTF-8 character
  }
  for (char& c : row) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = '?';
  }
  out << "    " << row << "\n    " << caret << "^\n";
}

void Print(const Finding& finding, const Texts& texts, bool color, std::ostream& out) {
  const char* tint = finding.level == Level::kError     ? "\033[31m"
                     : finding.level == Level::kWarning ? "\033[33m"
                                                        : "\033[36m";
  out << finding.position.ToString() << ": " << (color ? tint : "")
      << analysis::LevelName(finding.level) << (color ? "\033[0m" : "") << " " << finding.code
      << " " << finding.kind << " " << finding.ns << (finding.ns.empty() ? "" : "/")
      << finding.name;
  if (!finding.field.empty()) out << " " << finding.field;
  out << ": " << finding.message << "\n";
  const auto text = texts.bytes.find(FileOf(finding));
  if (text != texts.bytes.end() && finding.position.known()) {
    PrintLine(text->second, finding, out);
  }
  out << "    remedy: " << finding.remedy << "\n";
}

void Analyze(const AnalyzeFlags& flags, Context* context) {
  Texts texts = ReadTexts(flags.input, context);
  const analysis::Input input = analysis::ToInput(texts.files);
  std::vector<Finding> findings = analysis::Analyze(*input.snapshot, input.options);
  const size_t all = findings.size();
  findings.erase(std::remove_if(findings.begin(), findings.end(),
                                [&](const Finding& finding) {
                                  return std::any_of(flags.suppress.begin(), flags.suppress.end(),
                                                     [&](const std::string& rule) {
                                                       return IsSuppressed(finding, rule);
                                                     });
                                }),
                 findings.end());
  const bool words = flags.output.format == "table";
  Json rows = Json::array();
  int counts[3] = {0, 0, 0};
  bool fails = false;
  for (const Finding& finding : findings) {
    ++counts[static_cast<int>(finding.level)];
    fails = fails || flags.fail_on == "info" || finding.level == Level::kError ||
            (flags.fail_on == "warning" && finding.level == Level::kWarning);
    if (words) {
      Print(finding, texts, flags.output.UseColor(context->out), context->out);
    } else {
      rows.push_back(ToJson(finding));
    }
  }
  if (!words) WriteJson(rows, flags.output.format, context->out);
  if (words) {
    context->err << counts[2] << " errors, " << counts[1] << " warnings, " << counts[0] << " infos";
    if (all > findings.size()) context->err << ", " << all - findings.size() << " suppressed";
    context->err << "\n";
  }
  context->exit_code = texts.unreadable ? kUnreadable : fails ? kFindings : kFine;
}

}  // namespace

void AddAnalyze(CLI::App* root, Context* context) {
  CLI::App* command =
      root->add_subcommand("analyze", "Find what is wrong across resources, before traffic does");
  auto flags = std::make_shared<AnalyzeFlags>();
  AddInputFlags(command, &flags->input);
  AddOutputFlags(command, &flags->output);
  command->add_option("--fail-on", flags->fail_on, "Exit 79 for findings of this level or above")
      ->check(CLI::IsMember({"error", "warning", "info"}))
      ->capture_default_str();
  command
      ->add_option("--suppress", flags->suppress,
                   "Leave findings out: CODE=Kind/ns/name, * stands for anything; may be repeated")
      ->type_name("CODE=OBJECT")
      ->check(CLI::Validator(
          [](const std::string& rule) {
            return rule.find('=') == std::string::npos ? "no CODE=Kind/ns/name" : std::string();
          },
          "", "suppression"));
  AddExamples(command,
              {"meshctl analyze -f config/", "meshctl analyze -f config/ --fail-on warning -o json",
               "meshctl analyze -f mesh.yaml --suppress 'IST0102=Namespace/*'"});
  command->callback([context, flags] { Analyze(*flags, context); });
}

}  // namespace mesh::ctl
