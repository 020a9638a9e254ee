#include "mesh/envoy/access_log_fields.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"

namespace mesh::envoy {
namespace {

std::string LoadFormat(const ::envoy::config::core::v3::SubstitutionFormatString& format,
                       const std::string& path, FieldErrors* errors) {
  errors->Only(format, path, {"text_format", "text_format_source"}, {"content_type"});
  if (!format.has_text_format_source()) return format.text_format();
  const std::string source_path = Join(path, "text_format_source");
  errors->Only(format.text_format_source(), source_path, {"inline_string", "inline_bytes"});
  return format.text_format_source().has_inline_bytes()
             ? format.text_format_source().inline_bytes()
             : format.text_format_source().inline_string();
}

// What an entry's flags must have for it to be written; absent: nothing.
std::optional<std::vector<std::string>> LoadFilter(
    const ::envoy::config::accesslog::v3::AccessLogFilter& filter, const std::string& path,
    FieldErrors* errors) {
  errors->Only(filter, path, {"response_flag_filter"});
  if (!filter.has_response_flag_filter()) {
    if (filter.filter_specifier_case() ==
        ::envoy::config::accesslog::v3::AccessLogFilter::FILTER_SPECIFIER_NOT_SET) {
      errors->Add(path, "no filter is set");
    }
    return std::nullopt;
  }
  static constexpr std::string_view kFlags[] = {
      "LH",   "UH",   "UT",   "LR",   "UR", "UF",  "UC", "UO", "NR",  "DI",
      "FI",   "RL",   "UAEX", "RLSE", "DC", "URX", "SI", "IH", "DPE", "UMSDR",
      "RFCF", "NFCF", "DT",   "UPE",  "NC", "OM",  "DF", "DO", "DR",  "UDO"};
  const auto& names = filter.response_flag_filter().flags();
  for (int i = 0; i < names.size(); ++i) {
    if (std::find(std::begin(kFlags), std::end(kFlags), names.Get(i)) == std::end(kFlags)) {
      errors->Add(At(Join(path, "response_flag_filter.flags"), i),
                  absl::StrCat("\"", names.Get(i), "\" is no response flag"));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace

std::vector<AccessLogFile> LoadAccessLogs(
    const google::protobuf::RepeatedPtrField<::envoy::config::accesslog::v3::AccessLog>& logs,
    const std::string& path, FieldErrors* errors) {
  std::vector<AccessLogFile> out;
  for (int i = 0; i < logs.size(); ++i) {
    const auto& log = logs.Get(i);
    const std::string log_path = At(path, i);
    errors->Only(log, log_path, {"name", "typed_config", "filter"});
    const std::string config_path = Join(log_path, "typed_config");
    AccessLogFile file;
    if (log.has_filter()) {
      file.response_flags = LoadFilter(log.filter(), Join(log_path, "filter"), errors);
    }
    const std::string& url = log.typed_config().type_url();
    if (absl::EndsWith(url, ".StdoutAccessLog")) {
      ::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog config;
      if (!errors->Unpack(log.typed_config(), config_path, &config)) continue;
      file.path = "/dev/stdout";
      file.format = LoadFormat(config.log_format(), Join(config_path, "log_format"), errors);
    } else if (absl::EndsWith(url, ".StderrAccessLog")) {
      ::envoy::extensions::access_loggers::stream::v3::StderrAccessLog config;
      if (!errors->Unpack(log.typed_config(), config_path, &config)) continue;
      file.path = "/dev/stderr";
      file.format = LoadFormat(config.log_format(), Join(config_path, "log_format"), errors);
    } else {
      ::envoy::extensions::access_loggers::file::v3::FileAccessLog config;
      if (!errors->Unpack(log.typed_config(), config_path, &config)) continue;
      errors->Only(config, config_path, {"path", "format", "log_format"});
      file.path = config.path();
      file.format = config.has_log_format()
                        ? LoadFormat(config.log_format(), Join(config_path, "log_format"), errors)
                        : config.format();
      if (file.path.empty()) errors->Add(Join(config_path, "path"), "missing");
    }
    out.push_back(std::move(file));
  }
  return out;
}

}  // namespace mesh::envoy
