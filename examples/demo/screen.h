// What `demo` shows on a terminal: one steady page, drawn again each second.
#ifndef EXAMPLES_DEMO_SCREEN_H_
#define EXAMPLES_DEMO_SCREEN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

struct ProxyState {
  enum class Sync { kInSync, kWaiting, kRejected, kNotConnected };
  std::string name;  // "reviews-v1-0.default"
  Sync sync = Sync::kInSync;
  std::string reason;  // of kRejected
  bool ready = true;   // the pod
  int restarts = 0;    // of its processes
};

// Of the gateway's requests within some time.
struct Latency {
  uint64_t p50 = 0, p99 = 0;  // milliseconds
  uint64_t requests = 0;
  uint64_t failed = 0;  // answered with 5xx or not at all
};

struct ScreenState {
  std::string url;
  std::string time;  // of day
  double pages_per_second = 0;
  std::optional<Latency> latency;  // none: nothing was asked
  size_t seconds = 0;              // how long the latency and the reviews have been counted
  std::map<std::string, uint64_t> reviews;  // answers by version
  bool meshd_answers = true;
  std::vector<ProxyState> proxies;
  std::string security;  // "7 of 7 proxies have a certificate, …"; "" where there is no authority
  std::string change;    // the last of the configuration; "" when there was none
  std::vector<std::string> findings;  // warnings since then, errors that are in force
  std::vector<std::string> events;    // what happened to processes; the last ones are shown
};

struct ScreenForm {
  size_t width = 80, height = 24;
  bool color = false;
  bool unicode = true;  // bars of blocks; otherwise of '#'
};

// At most `height` lines of at most `width` characters, joined by '\n' and without one at the end;
// colours are ANSI sequences that end with their word. Where the height is not enough, first blank
// lines go, then proxies that are well, then the last lines. A pure function.
std::string DrawScreen(const ScreenState& state, const ScreenForm& form);

// A line of the gateway's access log: its status (0 where nothing was answered) and milliseconds.
// None for other lines, and for those that ask for something other than a page.
struct GatewayAnswer {
  int status = 0;
  uint64_t milliseconds = 0;
};
std::optional<GatewayAnswer> ReadGatewayLine(std::string_view line);

// None of no answers.
std::optional<Latency> Summarise(const std::vector<GatewayAnswer>& answers);

// Takes the terminal at standard output into its alternate screen, without a cursor, and gives it
// back as it was when destroyed.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  void Draw(const ScreenState& state);

  // Whether standard output is a terminal that can do that.
  static bool Possible();
};

}  // namespace demo

#endif  // EXAMPLES_DEMO_SCREEN_H_
