// How each request is refused: the answer it would have got, with only the reason in it. Pure.
#pragma once

#include "libkv/protocol/node_messages.h"
#include "libkv/protocol/repair_messages.h"

namespace kv {

/// What a request is answered with.
template <typename Request>
struct AnswerTo {
  using Told = msg::Done;
};
template <>
struct AnswerTo<msg::Mint> {
  using Told = msg::MintMade;
};
template <>
struct AnswerTo<msg::Merge> {
  using Told = msg::Merged;
};
template <>
struct AnswerTo<msg::Read> {
  using Told = msg::ReadDone;
};
template <>
struct AnswerTo<msg::ScanPage> {
  using Told = msg::ScanPageDone;
};
template <>
struct AnswerTo<msg::TreeRoots> {
  using Told = msg::TreeRootsTold;
};
template <>
struct AnswerTo<msg::TreeLeaves> {
  using Told = msg::TreeLeavesTold;
};
template <>
struct AnswerTo<msg::LeafKeys> {
  using Told = msg::LeafKeysTold;
};
template <>
struct AnswerTo<msg::Fetch> {
  using Told = msg::Fetched;
};
template <>
struct AnswerTo<msg::HintList> {
  using Told = msg::HintsListed;
};

template <typename Request>
typename AnswerTo<Request>::Told refusal(const Request& request, Answer why, Epoch epoch) {
  typename AnswerTo<Request>::Told told;
  told.id = request.id;
  told.answer = why;
  if constexpr (requires { told.epoch; }) told.epoch = epoch;
  return told;
}

}  // namespace kv
