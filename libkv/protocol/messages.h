// Every message there is, under its number. On the wire: never change a number, never reuse one.
#pragma once

#include <variant>

#include "libkv/protocol/admin_messages.h"
#include "libkv/protocol/client_messages.h"
#include "libkv/protocol/gossip_messages.h"
#include "libkv/protocol/node_messages.h"
#include "libkv/protocol/repair_messages.h"

namespace kv {

/// A message type's number: kMessageNumber<msg::Mint>.
template <typename M>
inline constexpr int kMessageNumber = 0;

// clang-format off
#define KV_MESSAGES(X) \
  X(1, Hello) X(2, HelloDone) X(3, Done) X(4, Ask) X(5, Told)                            \
  X(16, ClientPut) X(17, PutDone) X(18, ClientGet) X(19, GetDone) X(20, ClientScan)      \
  X(21, ScanDone)                                                                        \
  X(32, Mint) X(33, MintMade) X(34, MintDurable) X(35, Merge) X(36, Merged) X(37, Read)  \
  X(38, ReadDone) X(39, ScanPage) X(40, ScanPageDone) X(41, Owe)                         \
  X(64, HintList) X(65, HintsListed) X(66, HintStrikes) X(67, TreeRoots)                 \
  X(68, TreeRootsTold) X(69, TreeLeaves) X(70, TreeLeavesTold) X(71, LeafKeys)           \
  X(72, LeafKeysTold) X(73, Fetch) X(74, Fetched) X(75, OwedList) X(76, OwedTold)        \
  X(77, OwedPaid)                                                                        \
  X(96, Heartbeats) X(97, MapPull) X(98, MapPush) X(99, Prepare) X(100, Promise)         \
  X(101, Accept) X(102, Accepted) X(103, Propose) X(104, Proposed) X(105, Watch)         \
  X(106, ViewTold) X(107, StartShown) X(108, StartJudged) X(109, StartVote)              \
  X(110, StartVoted) X(111, Introduce) X(112, Introduced)
// clang-format on

#define KV_MESSAGE_NUMBER_(number, name) \
  template <>                            \
  inline constexpr int kMessageNumber<msg::name> = number;
KV_MESSAGES(KV_MESSAGE_NUMBER_)
#undef KV_MESSAGE_NUMBER_

/// One of them.
#define KV_MESSAGE_TYPE_(number, name) , msg::name
using Message = std::variant<std::monostate KV_MESSAGES(KV_MESSAGE_TYPE_)>;
#undef KV_MESSAGE_TYPE_

}  // namespace kv
