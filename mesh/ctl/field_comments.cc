#include "mesh/ctl/field_comments.h"

#include <algorithm>
#include <iterator>

namespace mesh::ctl {
namespace {

struct Comment {
  std::string_view name;
  std::string_view text;
};

// By name.
constexpr Comment kComments[] = {
#include "mesh/ctl/field_comments.inc"
};

}  // namespace

std::string_view CommentOf(std::string_view full_name) {
  const Comment* const at = std::lower_bound(
      std::begin(kComments), std::end(kComments), full_name,
      [](const Comment& comment, std::string_view name) { return comment.name < name; });
  return at != std::end(kComments) && at->name == full_name ? at->text : std::string_view();
}

}  // namespace mesh::ctl
