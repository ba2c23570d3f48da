// How each request is refused: the answer it would have got, with only the reason in it. Pure.
#pragma once

#include "libkv/protocol/node_messages.h"
#include "libkv/protocol/repair_messages.h"

namespace kv {

template <typename Told, typename Request>
Told refusal_with_epoch(const Request& request, Answer why, Epoch epoch) {
  Told told;
  told.id = request.id;
  told.answer = why;
  told.epoch = epoch;
  return told;
}

inline msg::MintMade refusal(const msg::Mint& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::MintMade>(request, why, epoch);
}
inline msg::Merged refusal(const msg::Merge& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::Merged>(request, why, epoch);
}
inline msg::ReadDone refusal(const msg::Read& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::ReadDone>(request, why, epoch);
}
inline msg::ScanPageDone refusal(const msg::ScanPage& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::ScanPageDone>(request, why, epoch);
}
inline msg::Done refusal(const msg::Owe& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::Done>(request, why, epoch);
}
inline msg::Done refusal(const msg::HintStrikes& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::Done>(request, why, epoch);
}
inline msg::Done refusal(const msg::OwedPaid& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::Done>(request, why, epoch);
}
inline msg::TreeRootsTold refusal(const msg::TreeRoots& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::TreeRootsTold>(request, why, epoch);
}
inline msg::TreeLeavesTold refusal(const msg::TreeLeaves& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::TreeLeavesTold>(request, why, epoch);
}
inline msg::LeafKeysTold refusal(const msg::LeafKeys& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::LeafKeysTold>(request, why, epoch);
}
inline msg::Fetched refusal(const msg::Fetch& request, Answer why, Epoch epoch) {
  return refusal_with_epoch<msg::Fetched>(request, why, epoch);
}
inline msg::HintsListed refusal(const msg::HintList& request, Answer why, Epoch) {
  msg::HintsListed listed;
  listed.id = request.id;
  listed.answer = why;
  return listed;
}

}  // namespace kv
