#include "mesh/ctl/inputs.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <numeric>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include "mesh/config/validate.h"
#include "mesh/local/files.h"

namespace mesh::ctl {
namespace {

// Of two objects with one key the first in path order stays, whatever the order of the flags.
void RefuseDuplicates(std::vector<std::string> paths, std::vector<config::ReadResult>* files) {
  std::vector<size_t> order(files->size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return paths[a] < paths[b]; });
  std::vector<config::ReadResult> sorted;
  for (size_t i : order) sorted.push_back(std::move((*files)[i]));
  config::RefuseDuplicates(&sorted);
  for (size_t i = 0; i < order.size(); ++i) (*files)[order[i]] = std::move(sorted[i]);
}

// All of `in`; nothing where it is more than `most`, and then no more of it was read than that.
std::optional<std::string> ReadStream(std::istream& in, size_t most) {
  constexpr size_t kBlock = 1 << 16;
  std::string text;
  text.reserve(most + kBlock);  // growing would hold what there is twice
  std::vector<char> block(kBlock);
  while (in.read(block.data(), kBlock), in.gcount() > 0) {
    text.append(block.data(), in.gcount());
    if (text.size() > most) return std::nullopt;
  }
  if (text.size() < most / 8) text.shrink_to_fit();
  return text;
}

}  // namespace

std::vector<config::ResourcePtr> Inputs::Resources() const {
  std::vector<config::ResourcePtr> resources;
  for (const config::ReadResult& file : files) {
    for (const config::ReadObject& object : file.objects) {
      if (object.resource != nullptr) resources.push_back(object.resource);
    }
  }
  return resources;
}

std::vector<FieldError> Inputs::Errors() const {
  std::vector<FieldError> errors;
  for (const config::ReadResult& file : files) {
    for (const config::ReadObject& object : file.objects) {
      errors.insert(errors.end(), object.errors.begin(), object.errors.end());
    }
  }
  return errors;
}

InputFiles ReadFiles(const std::vector<std::string>& paths, const config::ReadOptions& options,
                     std::istream& in, std::ostream& err) {
  InputFiles inputs;
  const auto add = [&](const std::string& name, std::string text) {
    config::ReadResult read = config::ReadYaml(name, text, options);
    inputs.files.push_back({name, std::move(text), std::move(read)});
  };
  const auto unreadable = [&](const absl::Status& status) {
    inputs.unreadable = true;
    err << "meshctl: " << std::string(status.message()) << "\n";
  };
  for (const std::string& path : paths) {
    if (path == "-") {
      if (std::optional<std::string> text = ReadStream(in, options.max_bytes)) {
        add("-", *std::move(text));
      } else {
        inputs.files.push_back({"-", "", config::RefuseLarger("-", options)});
      }
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> files = local::ListYamlFiles(path);
    if (!files.ok()) {
      unreadable(files.status());
      continue;
    }
    for (const std::string& file : *files) {
      std::error_code no_size;
      const uint64_t size = std::filesystem::file_size(file, no_size);
      if (std::optional<config::ReadResult> refused =
              config::RefuseSize(file, no_size ? 0 : size, options)) {
        inputs.files.push_back({file, "", *std::move(refused)});
        continue;
      }
      absl::StatusOr<std::string> text = local::ReadFile(file);
      if (text.ok()) {
        add(file, *std::move(text));
      } else {
        unreadable(text.status());
      }
    }
  }
  return inputs;
}

Inputs ReadInputs(const InputFlags& flags, std::istream& in, std::ostream& err) {
  Inputs inputs;
  std::vector<std::string> names;  // of inputs.files
  config::ReadOptions options;
  options.default_namespace = flags.default_namespace;
  InputFiles read = ReadFiles(flags.paths, options, in, err);
  inputs.unreadable = read.unreadable;
  for (InputFile& file : read.files) {
    inputs.files.push_back(std::move(file.read));
    names.push_back(std::move(file.name));
  }
  for (config::ReadResult& file : inputs.files) {
    for (config::ReadObject& object : file.objects) {
      if (object.resource == nullptr) continue;
      object.errors = config::ValidateResource(*object.resource);
    }
  }
  RefuseDuplicates(std::move(names), &inputs.files);
  for (config::ReadResult& file : inputs.files) {
    for (config::ReadObject& object : file.objects) {
      if (!object.errors.empty()) object.resource = nullptr;
    }
  }
  return inputs;
}

int WorldInputs::ExitCode(int code) const {
  if (unreadable) return kUnreadable;
  return invalid && code == kFine ? kFailed : code;
}

WorldInputs ReadWorldInputs(const InputFlags& flags, const std::string& mesh_file, std::istream& in,
                            std::ostream& err) {
  const Inputs inputs = ReadInputs(flags, in, err);
  WorldInputs out;
  out.unreadable = inputs.unreadable;
  const auto say = [&](const std::vector<FieldError>& errors) {
    out.invalid |= !errors.empty();
    for (const FieldError& error : errors) err << error.ToString() << "\n";
  };
  say(inputs.Errors());
  out.resources = inputs.Resources();
  if (mesh_file.empty()) return out;
  const absl::StatusOr<std::string> text = local::ReadFile(mesh_file);
  if (!text.ok()) {
    err << "meshctl: " << std::string(text.status().message()) << "\n";
    out.unreadable = true;
    return out;
  }
  config::ReadResult read = config::ReadMeshConfig(mesh_file, *text);
  say(read.errors);
  for (config::ResourcePtr& resource : read.resources) out.resources.push_back(std::move(resource));
  return out;
}

}  // namespace mesh::ctl
