#include "libkv/command/init_command.h"

#include <bit>
#include <charconv>
#include <map>
#include <optional>

#include "libkv/base/limits.h"
#include "libkv/base/posix_environment.h"
#include "libkv/cli/output.h"
#include "libkv/command/answers.h"
#include "libkv/protocol/first_map.h"
#include "libkv/wire/frame_codec.h"
#include "libkv/zmtp/zmtp_connection.h"

namespace kv {

namespace {

Error usage(std::string what) {
  return {ErrorKind::invalid, std::move(what)};
}

/// Sends one message to an endpoint and waits for the answer of one type. `if_silent`: what it is
/// called that the message was sent and no answer came.
template <typename Answered, typename Asked>
Result<Answered> ask(const Endpoint& endpoint, const Asked& asked, const ClusterId& cluster,
                     Clock& clock, Instant deadline, ErrorKind if_silent = ErrorKind::unavailable) {
  KV_ASSIGN(const auto link, ZmtpConnection::connect(endpoint, clock, deadline));
  FrameBuilder builder;
  builder.add(asked);
  KV_TRY(link->send(builder.take({cluster, 0}).view(), deadline));
  struct Receiver {
    std::optional<Answered> answer;
    void on(Answered&& message) { answer = std::move(message); }
  } receiver;
  while (!receiver.answer) {
    const Result<Frame> frame = link->receive(deadline);
    if (!frame && frame.error().kind == ErrorKind::unavailable)
      return fail(if_silent, frame.error().what);
    if (!frame) return fail(frame.error());
    FrameParser parser(*frame);
    KV_TRY(parser.for_each(receiver));
  }
  return std::move(*receiver.answer);
}

Result<std::map<MemberNumber, Endpoint>> parse_members(const std::vector<std::string>& texts) {
  std::map<MemberNumber, Endpoint> members;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    unsigned number = 0;
    const auto parsed =
        std::from_chars(text.data(), text.data() + std::min(equals, text.size()), number);
    if (equals == std::string::npos || parsed.ec != std::errc() ||
        parsed.ptr != text.data() + equals || number < 1 || number > 65535)
      return fail(usage("--member " + text + ": not NUMBER=ENDPOINT, NUMBER from 1 to 65535"));
    if (!members.emplace(static_cast<MemberNumber>(number), text.substr(equals + 1)).second)
      return fail(
          usage("--member " + text + ": member " + std::to_string(number) + " is given twice"));
  }
  if (members.empty()) return fail(usage("no --member is given"));
  return members;
}

/// Before it is cut to the map's width, and before anybody is asked.
Status check_partitions(uint64_t partitions) {
  constexpr uint64_t kPartitionsMax = uint64_t{1} << limits::partition_bits_max;
  if (std::has_single_bit(partitions) && partitions <= kPartitionsMax) return {};
  return fail(usage("--partitions " + std::to_string(partitions) + ": not a power of 2 up to " +
                    std::to_string(kPartitionsMax)));
}

class Init {
 public:
  explicit Init(const InitOptions& options) : options_(options) {}

  Result<FirstMap> run() {
    KV_ASSIGN(const auto members, parse_members(options_.members));
    KV_TRY(check_partitions(options_.partitions));
    deadline_ = clock_.now() + options_.timeout;
    KV_ASSIGN(const std::vector<msg::Introduced> introduced, introduce(members));
    FirstMapOptions first;
    first.cluster = {system_entropy(), system_entropy()};
    first.partitions = static_cast<uint32_t>(options_.partitions);
    KV_ASSIGN(FirstMap made, first_map(introduced, first));
    KV_TRY(propose(members, made.map));
    return made;
  }

 private:
  Result<std::vector<msg::Introduced>> introduce(const std::map<MemberNumber, Endpoint>& members) {
    std::vector<msg::Introduced> introduced;
    for (const auto& [number, endpoint] : members) {
      KV_ASSIGN(msg::Introduced answer,
                (ask<msg::Introduced>(endpoint, msg::Introduce{system_entropy()}, {}, clock_,
                                      deadline_)));
      if (answer.member.number != number)
        return fail(usage(endpoint + " is member " + std::to_string(answer.member.number) +
                          ", not " + std::to_string(number)));
      if (answer.epoch > 0)
        return fail(ErrorKind::invalid, "member " + std::to_string(number) +
                                            " belongs to cluster " + answer.cluster.to_hex() +
                                            " already; nothing was done");
      introduced.push_back(std::move(answer));
    }
    return introduced;
  }

  Status propose(const std::map<MemberNumber, Endpoint>& members, const ClusterMap& map) {
    msg::Propose propose;
    propose.id = system_entropy();
    propose.time_left = deadline_ - clock_.now();
    propose.map = std::make_shared<const ClusterMap>(map);
    KV_ASSIGN(const msg::Proposed proposed,
              (ask<msg::Proposed>(members.begin()->second, propose, map.cluster, clock_, deadline_,
                                  ErrorKind::unknown)));
    if (proposed.answer == Answer::ok) return {};
    if (proposed.answer == Answer::conflict)
      return fail(ErrorKind::invalid,
                  "another first map was agreed on at the same time: " + proposed.detail);
    return fail(error_of_change(proposed.answer, proposed.detail));
  }

  const InitOptions& options_;
  SystemClock clock_;
  Instant deadline_{};
};

std::string shown(const ClusterMap& map) {
  std::string text = "cluster " + map.cluster.to_hex() + "\n";
  text += "members " + std::to_string(map.members.size()) + ", partitions " +
          std::to_string(map.partitions()) + ", voters";
  for (const MemberNumber voter : map.voters) text += " " + std::to_string(voter);
  for (const Keyspace& keyspace : map.keyspaces)
    text += "\nkeyspace " + keyspace.name +
            " N=" + std::to_string(map.placement(keyspace.placement)->n) +
            " R=" + std::to_string(keyspace.r) + " W=" + std::to_string(keyspace.w);
  return text + "\n";
}

std::string shown_as_json(const ClusterMap& map) {
  return "{\"cluster\":\"" + map.cluster.to_hex() + "\",\"epoch\":" + std::to_string(map.epoch) +
         ",\"members\":" + std::to_string(map.members.size()) +
         ",\"partitions\":" + std::to_string(map.partitions()) + "}\n";
}

}  // namespace

ExitCode run_init(const InitOptions& options, const Messages& messages) {
  const Result<FirstMap> made = Init(options).run();
  if (!made) {
    messages.say(made.error().what);
    return exit_code_of(made.error().kind);
  }
  for (const std::string& warning : made->warnings) messages.say(warning);
  const ClusterMap& map = made->map;
  Output output;
  Status written = output.write(options.json ? shown_as_json(map) : shown(map));
  if (written) written = output.finish();
  if (written) return ExitCode::done;
  messages.say(written.error().what);
  return ExitCode::local;
}

}  // namespace kv
