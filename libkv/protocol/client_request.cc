#include "libkv/protocol/client_request.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/protocol/answer.h"

namespace kv {

namespace {

bool may_pass(Answer answer) {
  switch (answer) {
    case Answer::unavailable:
    case Answer::unknown:
    case Answer::busy:
    case Answer::stale_epoch:
    case Answer::refilling:
    case Answer::not_replica:
    case Answer::late:
    case Answer::wrong_cluster:
    case Answer::no_map:
    case Answer::stale_round:
    case Answer::io:
    case Answer::no_space:
      return true;
    default:
      return false;
  }
}

/// What ends a request to endpoints none of which can ever be connected to: asking again would show
/// the same.
std::optional<Answer> hopeless_answer(ErrorKind kind) {
  if (kind == ErrorKind::denied) return Answer::denied;
  if (kind == ErrorKind::invalid) return Answer::invalid;
  return std::nullopt;
}

/// `unavailable: 1 of 2 replicas answered`; what bears an internal name is told by its words alone.
std::string outcome_text(Answer answer, const std::string& detail) {
  const std::string words = in_words(answer);
  if (detail.empty()) return words;
  return words == to_string(answer) ? words + ": " + detail : detail;
}

/// An error of a connection begins with its endpoint, which tried() names by itself.
std::string without_endpoint(const std::string& what, const std::string& endpoint) {
  const std::string begin = endpoint + ": ";
  return what.starts_with(begin) ? what.substr(begin.size()) : what;
}

std::string seconds_text(Duration duration) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "s";
}

}  // namespace

ClientRequest::ClientRequest(const ClientRequestSettings& settings, Setting setting,
                             ClientMessage message)
    : settings_(settings), setting_(std::move(setting)), message_(std::move(message)) {
  KV_ASSERT(!setting_.endpoints.empty() && setting_.first < setting_.endpoints.size());
  KV_ASSERT(setting_.random != nullptr);
  outcomes_.resize(setting_.endpoints.size());
  next_endpoint_ = setting_.first;
  pause_ = settings_.pause_min;
}

void ClientRequest::start(Instant now, ClientActions* actions) {
  const Duration left = std::visit([](const auto& m) { return m.time_left; }, message_);
  deadline_ = now + std::min(left, limits::request_timeout_max);
  next_try(now, actions);
}

void ClientRequest::next_try(Instant now, ClientActions* actions) {
  const Duration left = deadline_ - now;
  if (left <= Duration::zero() || tries_.size() >= settings_.tries_max) return give_up(actions);
  const auto number = static_cast<uint32_t>(tries_.size());
  ClientMessage message = message_;
  std::visit(
      [&](auto& m) {
        m.id = setting_.base + number;
        m.time_left = left;
      },
      message);
  if (auto* put = std::get_if<msg::ClientPut>(&message)) put->try_number = number;
  const size_t endpoint = next_endpoint_++ % setting_.endpoints.size();
  tries_.push_back({endpoint, true});
  awaited_ = true;
  sent_ = now;
  // The last endpoint that is left to try may take all the time there is.
  due_ = now + std::min(left, std::max(left / 3, settings_.patience_min));
  actions->send = ClientActions::ToCoordinator{endpoint, std::move(message)};
  wake(actions);
}

void ClientRequest::set_outcome(const std::string& what, std::optional<Answer> hopeless) {
  Outcome& outcome = outcomes_[tries_.back().endpoint];
  if (is_write() && tries_.back().may_be_received) outcome.doubt = what;
  outcome.what = what;
  outcome.hopeless = hopeless;
}

/// A read's silent try does not take away what the coordinator said before: that names the cause.
void ClientRequest::set_silence(const std::string& what) {
  const std::string& word = outcomes_[tries_.back().endpoint].word;
  set_outcome(is_write() || word.empty() ? what : word + ", then " + what);
}

/// Set once every endpoint is hopeless; denied if one of them is.
std::optional<Answer> ClientRequest::hopeless() const {
  Answer answer = Answer::invalid;
  for (const Outcome& outcome : outcomes_) {
    if (!outcome.hopeless) return std::nullopt;
    if (*outcome.hopeless == Answer::denied) answer = Answer::denied;
  }
  return answer;
}

void ClientRequest::on_reply(const ClientReply& reply, Instant now, ClientActions* actions) {
  if (over_) return;
  // A peer that answers a put as if it were a get has answered nothing.
  if (reply.index() != message_.index()) return wake(actions);
  const auto [id, answer, detail] =
      std::visit([](const auto& m) { return std::make_tuple(m.id, m.answer, m.detail); }, reply);
  const msg::RequestId number = id - setting_.base;
  if (number >= tries_.size()) return wake(actions);
  const Answer meant = is_known(answer) ? answer
                       : is_write()     ? Answer::unknown
                                        : Answer::unavailable;
  Try& its_try = tries_[number];
  const bool newest = number + 1 == tries_.size();
  // Even late, a refusal tells that this try stored nothing.
  if (is_refusal(meant)) its_try.may_be_received = false;
  if (is_write() ? !newest : (!newest && may_pass(meant))) return wake(actions);
  if (newest && awaited_) {
    const std::string word = outcome_text(answer, detail);
    set_outcome(word);
    outcomes_[its_try.endpoint].word = word;
  }
  if (!may_pass(meant)) return finish(reply, actions);
  if (!awaited_) return wake(actions);
  try_again_later(now, actions);
}

void ClientRequest::on_connect_failed(size_t endpoint, const Error& why, Instant now,
                                      ClientActions* actions) {
  if (over_ || !awaited_ || tries_.back().endpoint != endpoint) return wake(actions);
  tries_.back().may_be_received = false;
  set_outcome(without_endpoint(why.what, setting_.endpoints[endpoint]), hopeless_answer(why.kind));
  if (const auto answer = hopeless()) return give_up(actions, *answer);
  // Another endpoint costs nothing to try; all of them anew, a pause.
  if (tries_.size() % setting_.endpoints.size() != 0) return next_try(now, actions);
  try_again_later(now, actions);
}

void ClientRequest::on_disconnected(size_t endpoint, Instant now, ClientActions* actions) {
  if (over_ || !awaited_ || tries_.back().endpoint != endpoint) return wake(actions);
  set_outcome("connection lost");
  try_again_later(now, actions);
}

// Pauses double up to a bound; the jitter keeps clients that failed together apart.
void ClientRequest::try_again_later(Instant now, ClientActions* actions) {
  awaited_ = false;
  const auto jitter =
      static_cast<int64_t>(setting_.random->below(static_cast<uint64_t>(pause_.count()) / 2 + 1));
  due_ = now + pause_ / 2 + Duration(jitter);
  pause_ = std::min(pause_ * 2, settings_.pause_max);
  if (tries_.size() >= settings_.tries_max || *due_ >= deadline_) return give_up(actions);
  wake(actions);
}

void ClientRequest::on_tick(Instant now, ClientActions* actions) {
  if (over_) return;
  if (now >= deadline_) {
    if (awaited_) set_silence("no answer in time");
    return give_up(actions);
  }
  if (!due_ || *due_ > now) return wake(actions);
  if (awaited_) set_silence("no answer in " + seconds_text(now - sent_));
  next_try(now, actions);
}

bool ClientRequest::may_be_stored() const {
  return is_write() &&
         std::any_of(tries_.begin(), tries_.end(), [](const Try& t) { return t.may_be_received; });
}

std::string ClientRequest::tried() const {
  if (tries_.empty()) return "there was no time to try";
  std::string text = "tried";
  const char* separator = " ";
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    const auto& [what, word, doubt, hopeless] = outcomes_[i];
    if (what.empty()) continue;
    const bool has_other_doubt = may_be_stored() && !doubt.empty() && doubt != what;
    text += separator + setting_.endpoints[i] + " (" + (has_other_doubt ? doubt + ", then " : "") +
            what + ")";
    separator = ", ";
  }
  return text;
}

void ClientRequest::give_up(ClientActions* actions, Answer answer) {
  if (may_be_stored()) answer = Answer::unknown;
  const auto say = [&](auto done) {
    done.id = std::visit([](const auto& m) { return m.id; }, message_);
    done.answer = answer;
    done.detail = tried();
    finish(std::move(done), actions);
  };
  if (is_write()) return say(msg::PutDone());
  if (std::holds_alternative<msg::ClientGet>(message_)) return say(msg::GetDone());
  say(msg::ScanDone());
}

void ClientRequest::finish(ClientReply reply, ClientActions* actions) {
  std::visit(
      [this](auto& done) {
        // The request itself is at fault, but an earlier try may have got further than this one.
        const bool failed = done.answer != Answer::ok && done.answer != Answer::not_found;
        if (failed && may_be_stored()) {
          done.answer = Answer::unknown;
          done.detail = tried();
        }
        done.id = std::visit([](const auto& m) { return m.id; }, message_);
      },
      reply);
  over_ = true;
  due_.reset();
  actions->reply = std::move(reply);
  actions->wake_at.reset();
}

void ClientRequest::wake(ClientActions* actions) const {
  actions->wake_at =
      over_ ? std::nullopt : std::optional(std::min(due_.value_or(deadline_), deadline_));
}

}  // namespace kv
