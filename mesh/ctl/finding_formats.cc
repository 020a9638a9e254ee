#include "mesh/ctl/finding_formats.h"

#include <algorithm>
#include <ostream>
#include <string_view>
#include <utility>

#include "mesh/analysis/analyze.h"
#include "mesh/base/version.h"
#include "mesh/ctl/json_output.h"
#include "nlohmann/json.hpp"

namespace mesh::ctl {
namespace {

using analysis::Finding;
using analysis::Level;
using Json = nlohmann::ordered_json;

std::string FileOf(const Finding& finding) {
  return finding.position.file == nullptr ? "" : *finding.position.file;
}

std::string ObjectOf(const Finding& finding) {
  std::string object = finding.kind + " ";
  if (!finding.ns.empty()) object += finding.ns + "/";
  return object + finding.name;
}

// RFC 3986: what a path may hold stays, all else is escaped.
std::string AsUri(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const unsigned char byte = c;
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       std::string_view("-._~/!$&'()*+,;=@").find(c) != std::string_view::npos;
    if (plain) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[byte >> 4];
      uri += kHex[byte & 15];
    }
  }
  return uri;
}

// A column in bytes as one in code points.
int CodePointColumn(const FindingReport& report, const Finding& finding) {
  const auto text = report.texts.find(FileOf(finding));
  if (text == report.texts.end()) return finding.position.column;
  size_t at = 0;
  for (int line = 1; line < finding.position.line; ++line) {
    at = text->second.find('\n', at);
    if (at == std::string::npos) return finding.position.column;
    ++at;
  }
  int column = 1;
  for (int i = 1; i < finding.position.column && at < text->second.size(); ++i, ++at) {
    const unsigned char next = at + 1 < text->second.size() ? text->second[at + 1] : ' ';
    if ((next & 0xC0) != 0x80) ++column;
  }
  return column;
}

const char* SarifLevel(Level level) {
  return level == Level::kError ? "error" : level == Level::kWarning ? "warning" : "note";
}

Json SarifResult(const FindingReport& report, const Finding& finding,
                 const std::map<std::string, int>& rules, bool suppressed) {
  Json result;
  result["ruleId"] = finding.code;
  const auto rule = rules.find(finding.code);
  if (rule != rules.end()) result["ruleIndex"] = rule->second;
  result["level"] = SarifLevel(finding.level);
  result["message"]["text"] = finding.message + ". Remedy: " + finding.remedy;
  Json location;
  if (!FileOf(finding).empty()) {
    location["physicalLocation"]["artifactLocation"]["uri"] = AsUri(FileOf(finding));
    if (finding.position.known()) {
      location["physicalLocation"]["region"] = {{"startLine", finding.position.line},
                                                {"startColumn", CodePointColumn(report, finding)}};
    }
  }
  location["logicalLocations"] =
      Json::array({{{"name", finding.name},
                    {"fullyQualifiedName",
                     ObjectOf(finding) + (finding.field.empty() ? "" : " ") + finding.field},
                    {"kind", "resource"}}});
  result["locations"] = Json::array({location});
  // The same finding after lines have moved.
  result["partialFingerprints"]["object/v1"] =
      finding.code + "|" + ObjectOf(finding) + "|" + finding.field;
  if (suppressed) {
    result["suppressions"] = Json::array({{{"kind", "external"}, {"status", "accepted"}}});
  }
  return result;
}

std::string AsXml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML 1.0 has no other control characters.
        out += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

struct Case {
  const Finding* finding;
  bool suppressed;
};

void WriteCase(const FindingReport& report, const Case& one, std::ostream& out) {
  const Finding& finding = *one.finding;
  out << "    <testcase classname=\"" << AsXml(ObjectOf(finding)) << "\" name=\""
      << AsXml(finding.code + (finding.field.empty() ? "" : " ") + finding.field) << "\" file=\""
      << AsXml(FileOf(finding)) << "\" line=\"" << finding.position.line << "\">\n";
  const std::string text = finding.position.ToString() + ": " +
                           std::string(analysis::LevelName(finding.level)) + " " + finding.code +
                           ": " + finding.message + "\nremedy: " + finding.remedy + "\n" +
                           finding.documentation;
  if (one.suppressed) {
    out << "      <skipped message=\"suppressed: " << AsXml(finding.message) << "\"/>\n";
  } else if (report.Fails(finding)) {
    out << "      <failure type=\"" << AsXml(finding.code) << "\" message=\""
        << AsXml(finding.message) << "\">" << AsXml(text) << "</failure>\n";
  } else {
    out << "      <system-out>" << AsXml(text) << "</system-out>\n";
  }
  out << "    </testcase>\n";
}

}  // namespace

void WriteSarif(const FindingReport& report, std::ostream& out) {
  std::map<std::string, int> rules;
  Json descriptions = Json::array();
  for (const analysis::CodeInfo& info : analysis::AllCodes()) {
    rules[std::string(info.code)] = descriptions.size();
    Json rule;
    rule["id"] = info.code;
    rule["shortDescription"]["text"] = info.title;
    rule["help"]["text"] = "meshctl analyze --explain " + std::string(info.code);
    rule["help"]["markdown"] = analysis::PageOf(info.code);
    rule["defaultConfiguration"]["level"] = SarifLevel(info.level);
    descriptions.push_back(std::move(rule));
  }
  Json results = Json::array();
  for (const Finding& finding : report.findings) {
    results.push_back(SarifResult(report, finding, rules, false));
  }
  for (const Finding& finding : report.suppressed) {
    results.push_back(SarifResult(report, finding, rules, true));
  }
  Json run;
  run["tool"]["driver"] = {
      {"name", "meshctl"}, {"semanticVersion", kVersion}, {"rules", std::move(descriptions)}};
  run["columnKind"] = "unicodeCodePoints";
  run["results"] = std::move(results);
  Json log;
  log["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  log["version"] = "2.1.0";
  log["runs"] = Json::array({std::move(run)});
  WriteJson(log, "json", out);
}

void WriteJunit(const FindingReport& report, std::ostream& out) {
  std::map<std::string, std::vector<Case>> by_file;
  for (const auto& [name, text] : report.texts) by_file[name];
  for (const Finding& finding : report.findings)
    by_file[FileOf(finding)].push_back({&finding, false});
  for (const Finding& finding : report.suppressed) {
    by_file[FileOf(finding)].push_back({&finding, true});
  }
  size_t tests = 0, failures = 0, skipped = 0;
  const auto count = [&](const std::vector<Case>& cases, size_t* all, size_t* failed,
                         size_t* left_out) {
    *all = std::max<size_t>(cases.size(), 1);
    *failed = std::count_if(cases.begin(), cases.end(), [&](const Case& one) {
      return !one.suppressed && report.Fails(*one.finding);
    });
    *left_out =
        std::count_if(cases.begin(), cases.end(), [](const Case& one) { return one.suppressed; });
  };
  for (const auto& [name, cases] : by_file) {
    size_t all, failed, left_out;
    count(cases, &all, &failed, &left_out);
    tests += all;
    failures += failed;
    skipped += left_out;
  }
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"meshctl analyze\" tests=\""
      << tests << "\" failures=\"" << failures << "\" errors=\"0\" skipped=\"" << skipped
      << "\">\n";
  for (const auto& [name, cases] : by_file) {
    size_t all, failed, left_out;
    count(cases, &all, &failed, &left_out);
    out << "  <testsuite name=\"" << AsXml(name) << "\" tests=\"" << all << "\" failures=\""
        << failed << "\" errors=\"0\" skipped=\"" << left_out << "\">\n";
    if (cases.empty()) {
      out << "    <testcase classname=\"" << AsXml(name) << "\" name=\"no findings\"/>\n";
    }
    for (const Case& one : cases) WriteCase(report, one, out);
    out << "  </testsuite>\n";
  }
  out << "</testsuites>\n";
}

}  // namespace mesh::ctl
