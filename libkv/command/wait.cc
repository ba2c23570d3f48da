#include "libkv/command/wait.h"

#include <algorithm>

#include <poll.h>

#include "libkv/command/cluster_survey.h"
#include "libkv/command/settled.h"

namespace kv {

Waited wait_for_cluster(Client& client, Clock& clock, const WaitOptions& options) {
  const Instant begin = clock.now();
  const Instant deadline = begin + options.timeout;
  Waited waited;
  for (;;) {
    const Duration left = std::max<Duration>(deadline - clock.now(), 1ms);
    const auto found = survey(client, clock, {.with_roots = options.settled, .timeout = left});
    waited.missing = !found            ? std::vector<std::string>{found.error().what}
                     : options.settled ? missing_for_settled(*found)
                                       : missing_for_ready(*found);
    waited.took = clock.now() - begin;
    const Duration pause = std::min(options.interval, deadline - clock.now());
    if (waited.missing.empty() || pause <= Duration::zero()) return waited;
    ::poll(nullptr, 0, std::max(1, static_cast<int>(pause / 1ms)));
  }
}

}  // namespace kv
