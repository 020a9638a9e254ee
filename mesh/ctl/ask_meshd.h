// A running meshd's pages, for the verbs that show them.
#ifndef MESH_CTL_ASK_MESHD_H_
#define MESH_CTL_ASK_MESHD_H_

#include <optional>
#include <string>
#include <string_view>

#include "mesh/ctl/command.h"
#include "mesh/local/http_client.h"
#include "nlohmann/json_fwd.hpp"

namespace mesh::ctl {

// --server HOST:PORT, 127.0.0.1:15014 by default.
void AddServerFlag(CLI::App* command, std::string* server);

// GET, within ten seconds. Nothing when meshd does not answer, which is said on `err` and makes the
// exit code kFailed. Throws CLI::ValidationError (bad usage) where `server` is no HOST:PORT.
std::optional<local::HttpResponse> AskMeshd(const std::string& server, std::string_view path,
                                            Context* context);
// The same as POST: what changes something.
std::optional<local::HttpResponse> PostMeshd(const std::string& server, std::string_view path,
                                             Context* context);

// The text that stands under `key` in an answer's object; "" where there is none, or no object.
std::string TextOf(const nlohmann::ordered_json& object, const char* key);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ASK_MESHD_H_
