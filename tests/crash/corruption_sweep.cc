// corruption_sweep [--stride N] [--seed S]
//
// A flipped bit in each Nth byte, zeros, a cut, and a sector that the disk does not give: in every
// block of every file of an engine that was closed in order — data, sections, top index and
// properties of its SSTables, their footers, the records of its log, the pages of its metadata and
// their journal; and the same of a checkpoint that was made of it. The engine may refuse, but:
//   - only damaged metadata keep it from opening;
//   - a read gives what was written last or `corrupt` with the file's name, before compactions and
//     after them; what the log has lost may show as an older value, if the recovery reports it;
//   - what is lost is told, and told again by the next recovery.
// Prints one line of counts; exit 1 and the first violation otherwise.
#include <cstdio>

#include "tests/crash/file_blocks.h"
#include "tests/crash/proof_options.h"
#include "tests/crash/sound_store.h"

namespace kv {
namespace {

enum class Damage { bit, zeros, cut, sector };
constexpr const char* kDamageNames[] = {"bit", "zeros", "cut", "sector"};

/// An engine on the damaged disk, and whether what it says is right.
class DamagedStore {
 public:
  DamagedStore(const SoundStore& sound, StorageWorld& world, const std::string& file, Damage how)
      : sound_(sound), contents_(sound.contents_of(file)), world_(world), file_(file), how_(how) {}

  /// Whether anything was told: by errors or by the report.
  bool told() const { return told_; }
  const std::string& problem() const { return problem_; }

  void check() {
    world_.directory = SoundStore::is_copy(file_) ? SoundStore::kCopy : SoundStore::kDirectory;
    const Status opened = world_.open();
    if (!opened) return check_refusal(opened.error());
    check_report();
    const bool log_is_damaged = file_.ends_with(".log") && !report().corruption.empty();
    log_is_damaged ? check_older() : check_reads();
    world_.run_until_idle();
    log_is_damaged ? check_older() : check_reads();
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

  void check_report() {
    expect(report().last_sequence >= contents_.last, "sequences would be used again");
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
  const SoundStore::Contents& contents_;
  StorageWorld& world_;
  const std::string file_;
  const Damage how_;
  bool told_ = false;
  std::string problem_;
};

class Sweep {
 public:
  explicit Sweep(const ProofOptions& options)
      : options_(options),
        random_(options.seed),
        sound_(make_sound_store(options.seed)),
        world_(options.seed, EngineType::lsm, MetaType::sqlite) {}

  int run() {
    if (!sound_) {
      std::printf("the sound store: %s\n", sound_.error().what.c_str());
      return 1;
    }
    image_ = (*sound_)->image();
    for (const std::string& path : image_.paths()) {
      if (path.starts_with("made/")) continue;  // What was ingested: nobody reads it any more.
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
    DamagedStore damaged(**sound_, world_, path, how);
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
    for (const char* kind : {"data", "section", "index", "footer", "log record", "metadata"}) {
      if (kinds_[kind].told != 0) continue;
      ++violations_;
      std::printf("no damage to a block of kind %s was told\n", kind);
    }
    std::printf("corruption_sweep: %llu blocks, %llu damages: %s; %llu violations\n",
                static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(damages),
                text.c_str(), static_cast<unsigned long long>(violations_));
  }

  const ProofOptions options_;
  Random random_;
  Result<std::unique_ptr<SoundStore>> sound_;
  StorageWorld world_;
  DiskImage image_;
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
    result = kv::Sweep(*options).run();
  return result;
}
