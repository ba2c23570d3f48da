#include "libkv/replica/tree_answers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/range_walk.h"
#include "libkv/replica/refusals.h"

namespace kv {

Answer TreeAnswers::place(Epoch planned, const PartitionKey& partition) const {
  Standing standing;
  const Answer answer = core_.place(planned, partition, &standing);
  if (answer != Answer::ok) return answer;
  return standing.holds_own() ? Answer::ok : Answer::not_replica;
}

template <typename Request>
void TreeAnswers::refuse(Asker asker, const Request& request, Answer why) {
  ++core_.counters.refused;
  core_.answers.answer(asker, refusal(request, why, core_.epoch()));
}

template <typename Request, typename Told>
void TreeAnswers::answer_when_durable(Asker asker, const Request& request, Told told) {
  Told failed = refusal(request, Answer::io, told.epoch);
  core_.durable.when_all_durable(
      [this, asker, told = std::move(told), failed = std::move(failed)](const Status& durable) {
        core_.answers.answer(asker, durable ? told : failed);
      });
}

void TreeAnswers::roots(Asker asker, const msg::TreeRoots& request, Instant) {
  msg::TreeRootsTold told = refusal(request, Answer::ok, core_.epoch());
  for (const PartitionKey& partition : request.partitions) {
    if (place(request.epoch, partition) != Answer::ok) continue;
    const MerkleTree* tree = core_.leaves.tree(partition);
    if (tree == nullptr) continue;
    told.roots.push_back({partition, tree->root(), core_.refilling.contains(partition)});
  }
  answer_when_durable(asker, request, std::move(told));
}

void TreeAnswers::leaves(Asker asker, const msg::TreeLeaves& request, Instant) {
  const Answer placed = place(request.epoch, request.partition);
  if (placed != Answer::ok) return refuse(asker, request, placed);
  const MerkleTree* tree = core_.leaves.tree(request.partition);
  if (tree == nullptr) {
    const bool unreadable = core_.leaves.state(request.partition) == Leaves::State::unreadable;
    return refuse(asker, request, unreadable ? Answer::corrupt : Answer::busy);
  }
  msg::TreeLeavesTold told = refusal(request, Answer::ok, core_.epoch());
  told.leaves = tree->leaves();
  answer_when_durable(asker, request, std::move(told));
}

struct TreeAnswers::Listing {
  std::vector<uint32_t> leaves;
  unsigned partition_bits = 0;
  size_t keys_max = 0;
  std::vector<msg::KeyDigest> keys;
  bool more = false;

  Result<bool> visit(BytesView bytes, BytesView value) {
    const auto parsed = parse_record_key(bytes);
    if (!parsed) return fail(ErrorKind::corrupt, "a key of own data does not parse");
    const uint32_t leaf = leaf_of_key(partition_bits, parsed->keyspace, parsed->name);
    if (!std::binary_search(leaves.begin(), leaves.end(), leaf)) return true;
    if (keys.size() == keys_max) {
      more = true;
      return false;
    }
    KV_ASSIGN(const StoredRecord stored, decode_stored_record(SharedBytes(nullptr, value)));
    keys.push_back(
        {parsed->keyspace, SharedBytes::copy_of(parsed->name), digest_of(stored.record)});
    return true;
  }
};

void TreeAnswers::leaf_keys(Asker asker, const msg::LeafKeys& request, Instant deadline) {
  const Answer placed = place(request.epoch, request.partition);
  if (placed != Answer::ok) return refuse(asker, request, placed);
  if (!std::is_sorted(request.leaves.begin(), request.leaves.end())) {
    return refuse(asker, request, Answer::invalid);
  }
  if (core_.walks >= limits::range_walks_max) return refuse(asker, request, Answer::busy);
  auto listing = std::make_shared<Listing>();
  listing->leaves = request.leaves;
  listing->partition_bits = core_.map->partition_bits;
  listing->keys_max = limits::repair_keys_per_page;
  if (request.keys_max > 0) {
    listing->keys_max = std::min<size_t>(listing->keys_max, request.keys_max);
  }
  RangeWalk walk;
  walk.range = partition_range(Space::own, request.partition);
  if (request.after_keyspace != 0 || !request.after.empty()) {
    walk.range.from =
        key_after(record_key(Space::own, request.partition, request.after_keyspace, request.after));
  }
  walk.slice_keys = limits::walk_slice_keys;
  walk.visit = [listing](BytesView key, BytesView value) { return listing->visit(key, value); };
  ++core_.walks;
  walk.paused = [this, asker, request, listing, deadline](bool ended, const Status& status) {
    const bool is_late = core_.now() >= deadline;
    if (!ended && !is_late) return true;
    --core_.walks;
    msg::LeafKeysTold told = refusal(request, Answer::ok, core_.epoch());
    if (!status) {
      told.answer = answer_of(status.error());
    } else if (is_late) {
      told.answer = Answer::late;
    } else {
      told.keys = std::move(listing->keys);
      told.more = listing->more;
    }
    answer_when_durable(asker, request, std::move(told));
    return false;
  };
  begin_walk(core_.engine, core_.tasks, std::move(walk));
}

}  // namespace kv
