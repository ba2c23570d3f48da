// corruption_sweep [--stride N] [--seed S] [--seeds N]
//
// A flipped bit in each Nth byte, zeros, a cut, and a sector that the disk does not give: in every
// block of every file of an engine that was closed in order — data, sections, top index and
// properties of its SSTables, their footers, the records of its log, the pages of its metadata and
// their journal; and the same of a checkpoint that was made of it. The engine may refuse, but:
//   - only damaged metadata keep it from opening;
//   - a read gives what was written last or `corrupt` with the file's name, before compactions and
//     after them; what the log has lost may show as an older value, if the recovery reports it;
//   - what is lost is told, and told again by the next recovery;
//   - the check of a directory offline tells of each damage to a table, and of what the engine
//     tells of its log.
// And in the log of an engine that was killed when all was durable. Its last records nobody may
// know to have been, and damaged they look torn:
//   - what is lost is told if a later record, the next segment or the manifest says that it was
//     durable; else what is there is what was written up to some batch.
// Prints one line of counts for each engine; exit 1 and the first violation otherwise.
#include <cstdio>

#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "tests/crash/file_blocks.h"
#include "tests/crash/offline_check.h"
#include "tests/crash/proof_options.h"
#include "tests/crash/sound_store.h"

namespace kv {
namespace {

enum class Damage { bit, zeros, cut, sector };
constexpr const char* kDamageNames[] = {"bit", "zeros", "cut", "sector"};

/// An engine on the damaged disk, and whether what it says is right.
class DamagedStore {
 public:
  /// All up to `vouched_for` is known to have been durable.
  DamagedStore(const SoundStore& sound, StorageWorld& world, const std::string& file, Damage how,
               Sequence vouched_for)
      : sound_(sound),
        contents_(sound.contents_of(file)),
        world_(world),
        file_(file),
        how_(how),
        vouched_for_(vouched_for) {}

  /// Whether anything was told: by errors or by the report.
  bool told() const { return told_; }
  const std::string& problem() const { return problem_; }

  void check() {
    world_.directory = SoundStore::is_copy(file_) ? SoundStore::kCopy : SoundStore::kDirectory;
    const bool is_table = file_.ends_with(".sst"), is_log = file_.ends_with(".log");
    const bool is_found = (is_table || is_log) && is_found_offline();
    if (is_table) expect(is_found, "the check offline does not find it");
    const Status opened = world_.open();
    if (!opened) return check_refusal(opened.error());
    check_report();
    const bool log_is_damaged = is_log && !report().corruption.empty();
    if (sound_.was_killed() && !log_is_damaged) expect_prefix();
    log_is_damaged ? check_older() : check_reads();
    world_.run_until_idle();
    log_is_damaged ? check_older() : check_reads();
    if (log_is_damaged) expect(is_found, "the check offline does not find what the engine tells");
    if (log_is_damaged) check_it_is_told_again();
  }

 private:
  const RecoveryReport& report() const { return world_.engine->recovery(); }
  void expect(bool holds, const std::string& problem) {
    if (!holds && problem_.empty()) problem_ = problem;
  }

  void check_refusal(const Error& error) {
    told_ = true;
    expect(file_.find("meta.db") != std::string::npos, "it does not open: " + error.what);
    const bool is_unread = how_ == Damage::sector && error.kind == ErrorKind::io;
    expect(error.kind == ErrorKind::corrupt || error.kind == ErrorKind::format || is_unread,
           "of the wrong kind: " + error.what);
  }

  /// By a process that ends before the engine is opened.
  bool is_found_offline() {
    SimEnvironment process(world_.scheduler, world_.disk, world_.log, {});
    Environment& environment = process.environment();
    const std::string path = world_.directory + "/meta.db";
    const auto meta = open_sqlite_meta(environment, path);
    expect(meta.has_value(), "the metadata cannot be opened");
    return meta && !check_offline(environment.files, **meta, path, world_.directory);
  }

  /// Without damage being told: all up to some batch is there, and that is what it must be.
  void expect_prefix() {
    const auto expected = sound_.contents_at(report().last_sequence);
    expect(expected.has_value(), "a batch was cut in two");
    if (expected) contents_ = *expected;
  }

  void check_report() {
    expect(report().last_sequence >= vouched_for_, "sequences would be used again, or are lost");
    for (const CorruptRange& range : report().corruption) {
      told_ = true;
      expect(range.file.find(world_.directory) == 0,
             "the report names another file: " + range.file);
    }
    expect(report().corruption.empty() || !report().clean, "damaged, and yet clean");
  }

  void check_reads() {
    std::vector<std::string> keys;
    for (uint64_t i = 0; i < SoundStore::kKeys + 2; ++i) keys.push_back(SoundStore::key(i));
    const Engine::Lookups many = world_.multi_get(keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      check_lookup(keys[i], world_.get(keys[i]));
      check_lookup(keys[i], many[i]);
    }
    for (const bool reverse : {false, true}) check_walk(reverse);
  }

  void check_lookup(const std::string& key, const Result<Lookup>& lookup) {
    if (!lookup) return check_error(lookup.error());
    const auto expected = contents_.pairs.find(key);
    const bool is_there = expected != contents_.pairs.end();
    expect(lookup->value.has_value() == is_there, "the presence of " + key + " is false");
    if (is_there && lookup->value)
      expect(lookup->value->view() == expected->second, "the value of " + key + " is false");
  }
  void check_error(const Error& error) {
    told_ = true;
    expect(error.kind == ErrorKind::corrupt, "of the wrong kind: " + error.what);
    expect(error.what.find(file_) != std::string::npos, "another file is named: " + error.what);
  }

  void check_walk(bool reverse) {
    const auto iterator = world_.engine->iterate({}, reverse);
    size_t seen = 0;
    for (; iterator->valid(); iterator->next(), ++seen) {
      const auto expected = contents_.pairs.find(std::string(iterator->key()));
      expect(expected != contents_.pairs.end() && iterator->value() == expected->second,
             "a walk shows a false " + std::string(iterator->key()));
    }
    if (iterator->status()) return expect(seen == contents_.pairs.size(), "a walk lost pairs");
    check_error(iterator->status().error());
    check_passing_over(reverse);
  }

  /// Who goes on behind damaged blocks finds, in order, all whose newest version can be read.
  void check_passing_over(bool reverse) {
    const auto iterator = world_.engine->iterate({}, reverse);
    EngineState seen;
    std::string last;
    do {
      for (; iterator->valid(); iterator->next()) {
        const std::string key(iterator->key());
        expect(seen.empty() || (reverse ? key < last : key > last), "out of order: " + key);
        last = key;
        seen[key] = std::string(iterator->value());
      }
    } while (iterator->pass_over());
    if (!iterator->status()) return;  // A top index: nobody knows what is behind.
    for (const auto& [key, value] : contents_.pairs)
      if (world_.get(key)) expect(seen[key] == value, "passing over blocks lost " + key);
  }

  /// Records of the log are gone, and it was told: what is left was written at some time.
  void check_older() {
    const auto state = state_of(*world_.engine);
    if (!state) return check_error(state.error());
    for (const auto& [key, value] : *state)
      expect(sound_.was_written(key, value), "nobody ever wrote this to " + key);
  }
  void check_it_is_told_again() {
    const auto before = state_of(*world_.engine);
    const Status opened = world_.open();
    expect(opened && !report().corruption.empty(), "the second recovery hides the damage");
    if (opened) expect(*state_of(*world_.engine) == *before, "the second recovery differs");
  }

  const SoundStore& sound_;
  SoundStore::Contents contents_;  // As expected.
  StorageWorld& world_;
  const std::string file_;
  const Damage how_;
  const Sequence vouched_for_;
  bool told_ = false;
  std::string problem_;
};

class Sweep {
 public:
  Sweep(const ProofOptions& options, SoundStore::End end)
      : options_(options),
        random_(options.seed),
        sound_(make_sound_store(options.seed, end)),
        world_(options.seed, EngineType::lsm, MetaType::sqlite) {
    world_.vary(options.seed);
  }

  int run() {
    if (!sound_) {
      std::printf("the sound store: %s\n", sound_.error().what.c_str());
      return 1;
    }
    image_ = (*sound_)->image();
    for (const std::string& path : image_.paths()) note_log_records(path);
    for (const std::string& path : image_.paths()) {
      if (path.starts_with("made/")) continue;  // What was ingested: nobody reads it any more.
      // All else is as it is where the engine was closed.
      if ((*sound_)->was_killed() && !is_log(path)) continue;
      const std::string bytes = bytes_of(path);
      for (const FileBlock& block : blocks_of(path, bytes)) sweep(path, block);
    }
    print();
    return violations_ == 0 ? 0 : 1;
  }

 private:
  struct KindCounts {
    uint64_t blocks = 0, damages = 0, told = 0;
  };

  struct LogRecordPlace {
    std::string path;
    uint64_t begin, end;
    Sequence durable;
  };

  static bool is_log(const std::string& path) {
    return path.ends_with(".log") && !SoundStore::is_copy(path);
  }
  void note_log_records(const std::string& path) {
    if (!is_log(path)) return;
    const auto number = numbered_file(path.substr(path.rfind('/') + 1), ".log");
    const std::string bytes = bytes_of(path);
    const uint64_t salt = log_salt((*sound_)->log_secret(), *number);
    for (const LogRecord& record : scan_log_segment(bytes, salt).records)
      records_.push_back({path, record.offset,
                          record.offset + log_record_bytes(record.payload.size()), record.durable});
  }
  /// Up to where the manifest, and the records that the damage leaves, know all to be durable.
  Sequence vouched_for(const std::string& path, const FileBlock& block, Damage how,
                       uint64_t at) const {
    if (!(*sound_)->was_killed()) return (*sound_)->contents_of(path).last;
    uint64_t begin = at, end = at + 1;
    if (how == Damage::zeros) end = at + block.bytes;
    if (how == Damage::cut) end = UINT64_MAX;
    if (how == Damage::sector) {
      begin -= begin % kLogPieceBytes;  // So much is read at once.
      end = begin + kLogPieceBytes;
    }
    Sequence known = (*sound_)->known_by_manifest();
    for (const LogRecordPlace& record : records_)
      if (record.path != path || record.end <= begin || record.begin >= end)
        known = std::max(known, record.durable);
    return known;
  }

  std::string bytes_of(const std::string& path) const {
    const SimBytes& bytes = image_.bytes(*image_.find(path));
    std::string all(static_cast<size_t>(bytes.size()), '\0');
    bytes.read(0, all);
    return all;
  }

  std::vector<FileBlock> blocks_of(const std::string& path, BytesView bytes) const {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".sst")) return table_blocks(bytes);
    if (const auto number = numbered_file(name, ".log"))
      return segment_blocks(bytes, log_salt((*sound_)->log_secret(), *number));
    if (name.ends_with(".spare")) return page_blocks("spare", bytes);
    return page_blocks(name.ends_with("-journal") ? "journal" : "metadata", bytes);
  }

  void sweep(const std::string& path, const FileBlock& block) {
    ++kinds_[block.kind].blocks;
    for (uint64_t at = 0; at < block.bytes; at += options_.stride)
      check(path, block, Damage::bit, block.offset + at);
    check(path, block, Damage::bit, block.offset + block.bytes - 1);
    check(path, block, Damage::zeros, block.offset);
    check(path, block, Damage::cut, block.offset);
    check(path, block, Damage::cut, block.offset + block.bytes / 2);
    check(path, block, Damage::sector, block.offset);
    check(path, block, Damage::sector, block.offset + block.bytes / 2);
  }

  void check(const std::string& path, const FileBlock& block, Damage how, uint64_t at) {
    if (violations_ != 0) return;
    world_.disk.mend();
    world_.restore(image_, {});
    damage(path, block, how, at);
    DamagedStore damaged(**sound_, world_, path, how, vouched_for(path, block, how, at));
    damaged.check();
    KindCounts& counts = kinds_[block.kind];
    ++counts.damages;
    if (damaged.told()) ++counts.told;
    if (damaged.problem().empty()) return;
    ++violations_;
    std::printf("seed %llu, %s, offset %llu, %s, %s: %s\n",
                static_cast<unsigned long long>(options_.seed), path.c_str(),
                static_cast<unsigned long long>(at), block.kind,
                kDamageNames[static_cast<size_t>(how)], damaged.problem().c_str());
  }

  void damage(const std::string& path, const FileBlock& block, Damage how, uint64_t at) {
    if (how == Damage::bit) {
      world_.disk.rot(path, at, static_cast<unsigned>(random_.below(8)));
      return;
    }
    if (how == Damage::sector) return world_.disk.spoil(path, at);
    SimFileSystem files(world_.disk);
    const auto file = std::move(*files.open(path, OpenMode::write));
    const std::string zeros(static_cast<size_t>(block.bytes), '\0');
    const Status done = how == Damage::cut ? file->truncate(at) : file->write_at(at, zeros);
    KV_ASSERT(done && file->sync());
  }

  /// A kind of block of which nothing was ever told has not been tried, or is not read.
  void print() {
    std::string text;
    uint64_t blocks = 0, damages = 0;
    for (const auto& [kind, counts] : kinds_) {
      blocks += counts.blocks;
      damages += counts.damages;
      text += (text.empty() ? "" : ", ") + std::to_string(counts.blocks) + " " + kind + " (" +
              std::to_string(counts.told) + " of " + std::to_string(counts.damages) + " told)";
    }
    const bool was_killed = (*sound_)->was_killed();
    for (const char* kind : {"log record", "data", "section", "index", "footer", "metadata"}) {
      if (was_killed && kind != std::string_view("log record")) break;
      if (kinds_[kind].told != 0) continue;
      ++violations_;
      std::printf("no damage to a block of kind %s was told\n", kind);
    }
    std::printf("corruption_sweep: %s: %llu blocks, %llu damages: %s; %llu violations\n",
                was_killed ? "killed" : "closed", static_cast<unsigned long long>(blocks),
                static_cast<unsigned long long>(damages), text.c_str(),
                static_cast<unsigned long long>(violations_));
  }

  const ProofOptions options_;
  Random random_;
  Result<std::unique_ptr<SoundStore>> sound_;
  StorageWorld world_;
  DiskImage image_;
  std::vector<LogRecordPlace> records_;
  std::map<std::string, KindCounts> kinds_;
  uint64_t violations_ = 0;
};

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  auto options =
      kv::parse_proof_options(argc, argv, "corruption_sweep [--stride N] [--seed S] [--seeds N]");
  if (!options) return 2;
  int result = 0;
  for (uint64_t i = 0; i < options->seeds && result == 0; ++i, ++options->seed)
    for (const auto end : {kv::SoundStore::End::closed, kv::SoundStore::End::killed})
      if (result == 0) result = kv::Sweep(*options, end).run();
  return result;
}
