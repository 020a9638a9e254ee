// YAML as a series of events: the seam between a parser and what we make of it.
#ifndef MESH_CONFIG_YAML_EVENTS_H_
#define MESH_CONFIG_YAML_EVENTS_H_

#include <memory>
#include <string>
#include <string_view>

namespace mesh::config {

struct YamlEvent {
  enum class Type {
    kDocumentStart,
    kDocumentEnd,
    kScalar,
    kAlias,
    kSequenceStart,
    kSequenceEnd,
    kMappingStart,
    kMappingEnd,
    kStreamEnd,
  };
  Type type = Type::kStreamEnd;
  std::string_view value;   // of a scalar, unescaped; of an alias, its name
  std::string_view anchor;  // empty: none
  std::string_view tag;     // in full, "tag:yaml.org,2002:str"; empty: none
  bool plain = false;       // a scalar without quotes and not a block
  int line = 0;             // 1-based
  int column = 0;           // 1-based, in bytes
};

// Where and why a text is not YAML.
struct YamlError {
  std::string message;
  int line = 0;
  int column = 0;
};

class YamlEvents {
 public:
  virtual ~YamlEvents() = default;
  // False at an error; then nothing follows. Views live until the next call.
  virtual bool Next(YamlEvent* event) = 0;
  virtual const YamlError& error() const = 0;
};

// By libyaml. `bytes` outlives it, is UTF-8, and starts at line `first_line` of the file.
std::unique_ptr<YamlEvents> ParseYaml(std::string_view bytes, int first_line);

}  // namespace mesh::config

#endif  // MESH_CONFIG_YAML_EVENTS_H_
