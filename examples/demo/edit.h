// Edits the copy of the YAML that a check runs on, as a person with an editor would.
#ifndef EXAMPLES_DEMO_EDIT_H_
#define EXAMPLES_DEMO_EDIT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace demo {

// The routes to the reviews: VirtualService default/reviews, wherever it stands.
class ReviewsRoutes {
 public:
  // Copies `files` (directories: all YAML in them) into `directory`, which is made, and finds the
  // VirtualService in the copy.
  static absl::StatusOr<ReviewsRoutes> Copy(const std::vector<std::string>& files,
                                            const std::string& directory);

  // Subset to weight of the last rule; empty when there is no such VirtualService, or when its last
  // rule names no subsets.
  const std::map<std::string, int>& weights() const { return weights_; }
  // Whether a rule sends the user jason to v2.
  bool jason_to_v2() const { return jason_to_v2_; }

  // Replaces the VirtualService (or adds it): jason to v2, everybody else by these weights; with
  // none, to the service as a whole. Returns once the file is in place.
  absl::Status Write(const std::map<std::string, int>& weights);
  // The same, with a misspelt field: "FILE:LINE" of that.
  absl::StatusOr<std::string> WriteBroken(const std::map<std::string, int>& weights);

 private:
  absl::Status Put(const std::string& document);

  std::string file_;
  std::string before_, after_;  // what stands around the document in its file
  std::map<std::string, int> weights_;
  bool jason_to_v2_ = false;
};

}  // namespace demo

#endif  // EXAMPLES_DEMO_EDIT_H_
