// The variables of header and body formats, as the access log knows them.
#ifndef MESH_PROXY_LOG_VARIABLES_H_
#define MESH_PROXY_LOG_VARIABLES_H_

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/route/action/format.h"
#include "mesh/telemetry/access_log.h"

namespace mesh::proxy {

// Parses the variable each time it is asked for: formats with variables are rare.
class LogVariables final : public route::action::Variables {
 public:
  explicit LogVariables(const telemetry::AccessLogEntry& entry) : entry_(entry) {}

  bool Append(std::string_view name, std::string_view argument, std::string* out) const override {
    const std::string text = argument.empty()
                                 ? absl::StrCat("%", Absl(name), "%")
                                 : absl::StrCat("%", Absl(name), "(", Absl(argument), ")%");
    const absl::StatusOr<telemetry::AccessLogFormat> format =
        telemetry::AccessLogFormat::Parse(text);
    if (!format.ok()) return false;
    telemetry::ClockText clock;
    std::string value;
    format->Append(entry_, &clock, &value);
    if (value == "-") return false;
    out->append(value);
    return true;
  }

 private:
  const telemetry::AccessLogEntry& entry_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_LOG_VARIABLES_H_
