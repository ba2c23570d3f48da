#include "libkv/command/bulk_put.h"

#include <cstdio>
#include <memory>

#include "libkv/cli/progress.h"
#include "libkv/codec/context_codec.h"
#include "libkv/command/answers.h"
#include "libkv/command/resume_file.h"
#include "libkv/command/window.h"

namespace kv {

namespace {

constexpr uint64_t kMessagesMax = 10;

/// What is kept of a record until its outcome is known: shared with the request under way.
struct Sent {
  uint64_t place;
  SharedBytes key;
  SharedBytes value;
  std::optional<std::string> context;
};

class BulkPut {
 public:
  BulkPut(Session& session, RecordReader& reader, const BulkPutOptions& options,
          const Messages& messages)
      : session_(session),
        reader_(reader),
        options_(options),
        messages_(messages),
        window_(session.client(), {},
                [this](const Sent& sent, const ClientReply& reply) { take(sent, reply); }),
        began_(session.clock().now()) {}

  Result<BulkPutFigures> run() {
    if (options_.resume) {
      KV_ASSIGN(resume_, ResumeFile::open(*options_.resume));
    }
    if (options_.rejects) {
      KV_ASSIGN(rejects_, RejectsFile::open(*options_.rejects, resume_ && resume_->settled() > 0));
    }
    const Status read = read_all();
    window_.finish();
    if (resume_) KV_TRY(resume_->finish());
    if (rejects_) KV_TRY(rejects_->finish());
    KV_TRY(read);
    KV_TRY(check_length());
    KV_TRY(failed_);
    return figures_;
  }

  void work_until_readable(int input) { window_.work_until_readable(input); }

 private:
  Status read_all() {
    while (true) {
      KV_ASSIGN(const std::optional<ReadRecord> read, reader_.next());
      if (!read) return {};
      ++figures_.read;
      if (resume_ && figures_.read <= resume_->settled()) {
        ++figures_.skipped;
        continue;
      }
      if (const BadRecord* bad = std::get_if<BadRecord>(&*read)) {
        // In its place among the others, so that --resume counts it once they are settled.
        window_.finish();
        reject(bad->place, bad->reason, ExitCode::usage);
        keep(rejects_line(*bad));
        settled();
      } else {
        KV_TRY(send(std::get<KeyValue>(*read)));
      }
      KV_TRY(failed_);
      show_progress();
    }
  }

  /// An input that ends before the place where to go on is not the one that was interrupted.
  Status check_length() const {
    if (!resume_ || figures_.read >= resume_->settled()) return {};
    return fail(ErrorKind::invalid, *options_.resume + ": " + std::to_string(resume_->settled()) +
                                        " records are settled, and the input has only " +
                                        std::to_string(figures_.read) +
                                        ": nothing was done; is it the same input?");
  }

  Status send(const KeyValue& record) {
    msg::ClientPut put = session_.request<msg::ClientPut>();
    put.put = session_.client().next_put_id();
    put.key = SharedBytes::copy_of(record.key);
    put.value = SharedBytes::copy_of(record.value);
    put.tombstone = options_.tombstones;
    put.ttl = options_.ttl;
    put.w = options_.w;
    put.strict = options_.strict;
    put.mode = options_.mode;
    if (options_.context) {
      put.mode = PutMode::over_context;
      put.context = *options_.context;
    }
    Sent sent{reader_.place(), put.key, put.value, {}};
    if (record.context) {
      sent.context = std::string(*record.context);
      Result<CausalContext> context = context_from_text(*record.context);
      if (!context) {
        window_.finish();
        refuse(sent, "context: " + context.error().what, ExitCode::usage);
        settled();
        return {};
      }
      put.mode = PutMode::over_context;
      put.context = std::move(*context);
    }
    const size_t bytes = put.key.size() + put.value.size() + 200;
    window_.add(std::move(sent), std::move(put), bytes);
    return {};
  }

  void take(const Sent& sent, const ClientReply& reply) {
    const auto& done = std::get<msg::PutDone>(reply);
    if (done.answer == Answer::ok) {
      ++figures_.stored;
    } else {
      Error error = error_of(done.answer, done.detail);
      // No such keyspace: a write never asks whether the key is there.
      if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
      const ExitCode code = exit_code_of(error.kind);
      refuse(sent, std::string(to_string(error.kind)) + ": " + error.what, code);
      // Unavailable or unknown is worth another try: a run that is taken up again begins here.
      if (code == ExitCode::unavailable || code == ExitCode::unknown) is_stuck_ = true;
    }
    settled();
  }

  void settled() {
    if (!resume_ || is_stuck_) return;
    if (const Status status = resume_->settle_one(session_.clock().now()); !status) note(status);
  }

  void refuse(const Sent& sent, const std::string& reason, ExitCode code) {
    reject(sent.place, reason, code);
    KeyValue record{sent.key.view(), sent.value.view()};
    if (sent.context) record.context = *sent.context;
    keep(rejects_line({sent.place, reason, record, options_.tombstones}));
  }

  void keep(const std::string& line) {
    if (!rejects_) return;
    if (const Status status = rejects_->write(line); !status) note(status);
  }

  void reject(uint64_t place, const std::string& reason, ExitCode code) {
    ++figures_.rejected;
    figures_.code = combine(figures_.code, code);
    if (figures_.rejected <= kMessagesMax) {
      progress_.clear();
      messages_.say(reader_.place_text(place), reason);
    } else if (figures_.rejected == kMessagesMax + 1) {
      messages_.say(rejects_ ? "more records were rejected; see the rejects file"
                             : "more records were rejected; --rejects FILE keeps them");
    }
  }

  void note(const Status& status) {
    if (failed_) failed_ = status;
  }

  void show_progress() {
    if (figures_.read % 256 != 0) return;
    const Instant now = session_.clock().now();
    if (!progress_.is_due(now)) return;
    progress_.show(summary(figures_, now - began_), now);
  }

  Session& session_;
  RecordReader& reader_;
  const BulkPutOptions& options_;
  const Messages& messages_;
  Window<Sent> window_;
  std::unique_ptr<ResumeFile> resume_;
  std::unique_ptr<RejectsFile> rejects_;
  BulkPutFigures figures_;
  Status failed_;
  bool is_stuck_ =
      false;  ///< A record failed that is worth another try: nothing after it is settled.
  Progress progress_;
  const Instant began_;
};

}  // namespace

Result<BulkPutFigures> bulk_put(Session& session, RecordReader& reader, DescriptorSource& source,
                                const BulkPutOptions& options, const Messages& messages) {
  BulkPut put(session, reader, options, messages);
  source.while_waiting([&put](int input) { put.work_until_readable(input); });
  return put.run();
}

std::string summary(const BulkPutFigures& figures, Duration took) {
  const double seconds = std::max(seconds_of(took), 1e-6);
  const double settled = static_cast<double>(figures.stored + figures.rejected);
  char rate[64];
  std::snprintf(rate, sizeof rate, " in %.2f s (%.0f/s)", seconds, settled / seconds);
  std::string text = "read " + std::to_string(figures.read);
  if (figures.skipped > 0) text += ", skipped " + std::to_string(figures.skipped);
  text += ", stored " + std::to_string(figures.stored);
  text += ", rejected " + std::to_string(figures.rejected);
  return text + rate;
}

}  // namespace kv
