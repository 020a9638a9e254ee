#include "mesh/ctl/analyze.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/base/count.h"
#include "mesh/base/field_error.h"
#include "mesh/config/read.h"
#include "mesh/ctl/finding_formats.h"
#include "mesh/ctl/inputs.h"
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
  std::string mesh_file, networks_file, explain;
  std::string fail_on = "error";
  std::vector<std::string> suppress;
};

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

// Finds lines of the files that findings are in. Cost: a walk from the line asked for before, where
// that was one of the same file and not below.
class Lines {
 public:
  explicit Lines(const std::map<std::string, std::string>& texts) : texts_(texts) {}

  // Nothing where there is no such line.
  std::optional<std::string_view> Find(const SourcePosition& position) {
    if (!position.known() || position.file == nullptr) return std::nullopt;
    if (text_ == nullptr || file_ != *position.file || position.line < line_) {
      const auto text = texts_.find(*position.file);
      if (text == texts_.end()) return std::nullopt;
      text_ = &text->second;
      file_ = *position.file;
      line_ = 1;
      begin_ = 0;
    }
    for (; line_ < position.line; ++line_) {
      const size_t end = text_->find('\n', begin_);
      if (end == std::string::npos) return std::nullopt;
      begin_ = end + 1;
    }
    return std::string_view(*text_).substr(begin_, text_->find('\n', begin_) - begin_);
  }

 private:
  const std::map<std::string, std::string>& texts_;
  const std::string* text_ = nullptr;
  std::string file_;
  int line_ = 1;
  size_t begin_ = 0;
};

// The line, and under it a caret below the column. Tabs stay tabs, so that the caret stands right.
void PrintLine(std::string_view line, int column, std::ostream& out) {
  std::string row(line);
  if (!row.empty() && row.back() == '\r') row.pop_back();
  std::string caret;
  for (int i = 0; i + 1 < column && i < static_cast<int>(row.size()); ++i) {
    const unsigned char c = row[i];
    if (c == '\t') caret += '\t';
    if (c != '\t' && (c & 0xC0) != 0x80) caret += ' ';  // one column for each UTF-8 character
  }
  for (char& c : row) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = '?';
  }
  out << "    " << row << "\n    " << caret << "^\n";
}

void Print(const Finding& finding, Lines* lines, bool color, std::ostream& out) {
  const char* tint = finding.level == Level::kError     ? "\033[31m"
                     : finding.level == Level::kWarning ? "\033[33m"
                                                        : "\033[36m";
  out << finding.position.ToString() << ": " << (color ? tint : "")
      << analysis::LevelName(finding.level) << (color ? "\033[0m" : "") << " " << finding.code
      << " " << finding.kind << " " << finding.ns << (finding.ns.empty() ? "" : "/")
      << finding.name;
  if (!finding.field.empty()) out << " " << finding.field;
  out << ": " << finding.message << "\n";
  if (const auto line = lines->Find(finding.position)) {
    PrintLine(*line, finding.position.column, out);
  }
  out << "    remedy: " << finding.remedy << "\n";
}

// The file that a flag names; nothing where there is none or it cannot be read.
std::optional<std::string> ReadNamed(const std::string& path, bool* unreadable, Context* context) {
  if (path.empty()) return std::nullopt;
  absl::StatusOr<std::string> text = local::ReadFile(path);
  if (text.ok()) return *std::move(text);
  *unreadable = true;
  context->err << "meshctl: " << std::string(text.status().message()) << "\n";
  return std::nullopt;
}

analysis::Input ReadInput(const AnalyzeFlags& flags, FindingReport* report, bool* unreadable,
                          Context* context) {
  const std::string& ns = flags.input.default_namespace;
  InputFiles inputs =
      ReadFiles(flags.input.paths, analysis::ReadOptions(ns), context->in, context->err);
  *unreadable = inputs.unreadable;
  // Of two objects with one key the first in path order stays, whatever the order of the flags.
  std::stable_sort(inputs.files.begin(), inputs.files.end(),
                   [](const InputFile& a, const InputFile& b) { return a.name < b.name; });
  std::vector<config::ReadResult> files;
  for (InputFile& file : inputs.files) {
    files.push_back(std::move(file.read));
    report->texts.emplace(std::move(file.name), std::move(file.text));
  }
  if (auto text = ReadNamed(flags.mesh_file, unreadable, context)) {
    files.push_back(config::ReadMeshConfig(flags.mesh_file, *text));
    report->texts.emplace(flags.mesh_file, *std::move(text));
  }
  analysis::Input input = analysis::ToInput(std::move(files), ns);
  input.options.now = absl::Now();
  if (auto text = ReadNamed(flags.networks_file, unreadable, context)) {
    analysis::AddMeshNetworks(flags.networks_file, *text, &input);
    report->texts.emplace(flags.networks_file, *std::move(text));
  }
  return input;
}

void Analyze(const AnalyzeFlags& flags, Context* context) {
  FindingReport report;
  report.fails_from = flags.fail_on == "info"      ? Level::kInfo
                      : flags.fail_on == "warning" ? Level::kWarning
                                                   : Level::kError;
  bool unreadable = false;
  const analysis::Input input = ReadInput(flags, &report, &unreadable, context);
  report.findings = analysis::Analyze(*input.snapshot, input.options);
  const auto suppressed = std::stable_partition(
      report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
        return std::none_of(flags.suppress.begin(), flags.suppress.end(),
                            [&](const std::string& rule) { return IsSuppressed(finding, rule); });
      });
  report.suppressed.assign(std::make_move_iterator(suppressed),
                           std::make_move_iterator(report.findings.end()));
  report.findings.erase(suppressed, report.findings.end());
  int counts[3] = {0, 0, 0};
  bool fails = false;
  for (const Finding& finding : report.findings) {
    ++counts[static_cast<int>(finding.level)];
    fails = fails || report.Fails(finding);
  }
  if (flags.output.format == "sarif") {
    WriteSarif(report, context->out);
  } else if (flags.output.format == "junit") {
    WriteJunit(report, context->out);
  } else if (flags.output.format == "table") {
    const bool color = flags.output.UseColor(context->out);
    Lines lines(report.texts);
    for (const Finding& finding : report.findings) Print(finding, &lines, color, context->out);
    context->err << Count(counts[2], "error") << ", " << Count(counts[1], "warning") << ", "
                 << Count(counts[0], "info");
    if (!report.suppressed.empty())
      context->err << ", " << report.suppressed.size() << " suppressed";
    context->err << "\n";
  } else {
    Json rows = Json::array();
    for (const Finding& finding : report.findings) rows.push_back(ToJson(finding));
    WriteJson(rows, flags.output.format, context->out);
  }
  context->exit_code = unreadable ? kUnreadable : fails ? kFindings : kFine;
}

void Explain(const AnalyzeFlags& flags, Context* context) {
  const std::string_view page = analysis::PageOf(flags.explain);
  if (page.empty()) {
    std::vector<std::string_view> codes;
    for (const analysis::CodeInfo& info : analysis::AllCodes()) codes.push_back(info.code);
    const std::string_view near = NearestName(flags.explain, codes);
    context->err << "meshctl: no code is called " << flags.explain;
    if (!near.empty()) context->err << "; did you mean " << near << "?";
    context->err << "\n";
    context->exit_code = kUsage;
    return;
  }
  if (flags.output.format == "json" || flags.output.format == "yaml") {
    WriteJson(Json{{"code", flags.explain}, {"page", page}}, flags.output.format, context->out);
  } else {
    context->out << page;
  }
}

}  // namespace

void AddAnalyze(CLI::App* root, Context* context) {
  CLI::App* command =
      root->add_subcommand("analyze", "Find what is wrong across resources, before traffic does");
  auto flags = std::make_shared<AnalyzeFlags>();
  AddInputFlags(command, &flags->input);
  command->get_option("--filename")->required(false);
  AddOutputFlags(command, &flags->output, {"sarif", "junit"});
  command->add_option("--mesh", flags->mesh_file, "MeshConfig, as YAML")->type_name("FILE");
  command->add_option("--networks", flags->networks_file, "MeshNetworks, as YAML")
      ->type_name("FILE");
  command->add_option("--explain", flags->explain, "Print what a code means, and read nothing")
      ->type_name("CODE");
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
               "meshctl analyze -f mesh.yaml --suppress 'IST0102=Namespace/*'",
               "meshctl analyze -f config/ -o sarif > findings.sarif",
               "meshctl analyze --explain IST0101"});
  command->callback([context, flags] {
    if (!flags->explain.empty()) return Explain(*flags, context);
    if (flags->input.paths.empty()) throw CLI::RequiredError("-f");
    Analyze(*flags, context);
  });
}

}  // namespace mesh::ctl
