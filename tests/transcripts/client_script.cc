// The scripts of a client's request:
//
//   endpoints NAME…                        who there is to ask, in the order of preference
//   put | get | scan [left=MS]
//   reply ANSWER [try=N] [detail=WORD]     of the newest try, or of an earlier one (from 0)
//   unreachable NAME [why=WORD]            no connection could be made; why=denied and why=invalid:
//                                          none ever can
//   disconnected NAME                      it broke
//   tick                                   the time that it asked to be woken at has come
#include <algorithm>
#include <optional>
#include <sstream>

#include "libkv/protocol/client_request.h"
#include "tests/transcripts/script.h"
#include "tests/transcripts/words.h"

namespace kv::transcript {
namespace {

class ClientScript final : public Script {
 public:
  std::string run(const std::string& line) override {
    const Words words(line);
    out_.str("");
    if (words[0] == "endpoints") {
      endpoints_.assign(words.words.begin() + 1, words.words.end());
      return "";
    }
    ClientActions actions;
    obey(words, &actions);
    tell(actions);
    return out_.str();
  }

 private:
  void obey(const Words& words, ClientActions* actions) {
    const std::string& what = words[0];
    if (what == "put") return start(msg::ClientPut(), words, actions);
    if (what == "get") return start(msg::ClientGet(), words, actions);
    if (what == "scan") return start(msg::ClientScan(), words, actions);
    if (!request_) {
      ADD_FAILURE() << "the request is over: " << what;
      return;
    }
    if (what == "reply") return reply(words, actions);
    if (what == "unreachable") {
      const std::string why = words.value("why", "refused");
      const ErrorKind kind = why == "denied"    ? ErrorKind::denied
                             : why == "invalid" ? ErrorKind::invalid
                                                : ErrorKind::unavailable;
      return request_->on_connect_failed(place_of(words[1]), {kind, why}, now_, actions);
    }
    if (what == "disconnected") {
      return request_->on_disconnected(place_of(words[1]), now_, actions);
    }
    if (what == "tick") {
      now_ = wake_at_.value_or(now_);
      return request_->on_tick(now_, actions);
    }
    ADD_FAILURE() << "no such command: " << what;
  }

  size_t place_of(const std::string& endpoint) const {
    return static_cast<size_t>(std::find(endpoints_.begin(), endpoints_.end(), endpoint) -
                               endpoints_.begin());
  }

  template <typename M>
  void start(M message, const Words& words, ClientActions* actions) {
    message.id = kAsked;
    message.time_left = std::chrono::milliseconds(words.number("left", 1500));
    is_put_ = std::is_same_v<M, msg::ClientPut>;
    is_get_ = std::is_same_v<M, msg::ClientGet>;
    newest_ = 0;
    random_ = Random(1);
    request_.emplace(ClientRequestSettings(),
                     ClientRequest::Setting{endpoints_, 0, kBase, &random_}, message);
    begun_ = now_;
    request_->start(now_, actions);
  }

  void reply(const Words& words, ClientActions* actions) {
    const auto give = [&](auto done) {
      done.id = kBase + static_cast<msg::RequestId>(words.number("try", static_cast<int>(newest_)));
      done.answer = answer_of(words[1]);
      done.detail = words.value("detail");
      request_->on_reply(std::move(done), now_, actions);
    };
    if (is_put_) return give(msg::PutDone());
    if (is_get_) return give(msg::GetDone());
    give(msg::ScanDone());
  }

  void tell(const ClientActions& actions) {
    wake_at_ = actions.wake_at;
    if (actions.send) {
      const auto left =
          std::visit([](const auto& m) { return m.time_left; }, actions.send->message);
      const auto id = std::visit([](const auto& m) { return m.id; }, actions.send->message);
      newest_ = id - kBase;
      out_ << "try " << newest_ << " at " << endpoints_[actions.send->endpoint]
           << " left=" << left / 1ms << "ms";
      if (const auto* put = std::get_if<msg::ClientPut>(&actions.send->message)) {
        EXPECT_EQ(put->try_number, newest_);
      }
      out_ << "\n";
    }
    if (actions.reply) {
      std::visit(
          [this](const auto& done) {
            EXPECT_EQ(done.id, kAsked);
            out_ << "reply " << to_string(done.answer);
            if (!done.detail.empty()) out_ << " \"" << done.detail << "\"";
            out_ << "\n";
          },
          *actions.reply);
      request_.reset();
    } else {
      EXPECT_TRUE(actions.wake_at.has_value()) << "sleeps for ever";
    }
    // A pause has jitter: only what is a patience is told.
    if (actions.send && actions.wake_at) {
      out_ << "waits until +" << (*actions.wake_at - begun_) / 1ms << "ms\n";
    }
  }

  static constexpr msg::RequestId kAsked = 7;  // The caller's own, which the reply bears.
  static constexpr msg::RequestId kBase = 1000;
  std::vector<std::string> endpoints_;
  Random random_{1};
  std::optional<ClientRequest> request_;
  bool is_put_ = false, is_get_ = false;
  msg::RequestId newest_ = 0;
  Instant now_{1s};
  Instant begun_{};
  std::optional<Instant> wake_at_;
  std::ostringstream out_;
};

}  // namespace

std::unique_ptr<Script> make_client_script() {
  return std::make_unique<ClientScript>();
}

}  // namespace kv::transcript
