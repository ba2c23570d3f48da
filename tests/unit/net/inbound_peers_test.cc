#include "libkv/net/inbound_peers.h"

#include <string>

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(InboundPeers, OneRoutingIdIsOnePeer) {
  InboundPeers peers(10);
  const PeerId a = peers.heard("a", false);
  const PeerId b = peers.heard("b", false);
  EXPECT_NE(a, b);
  EXPECT_TRUE(is_inbound(a));
  EXPECT_FALSE(is_inbound(PeerId{1}));
  EXPECT_EQ(peers.heard("a", false), a);
  EXPECT_EQ(peers.find(a)->routing_id, "a");
  EXPECT_EQ(peers.size(), 2u);
}

TEST(InboundPeers, TheFormOfTheLastMessageCounts) {
  InboundPeers peers(10);
  const PeerId a = peers.heard("a", true);
  EXPECT_TRUE(peers.find(a)->delimited);
  peers.heard("a", false);
  EXPECT_FALSE(peers.find(a)->delimited);
}

TEST(InboundPeers, TheLeastRecentlyUsedIsForgotten) {
  InboundPeers peers(3);
  const PeerId a = peers.heard("a", false);
  const PeerId b = peers.heard("b", false);
  const PeerId c = peers.heard("c", false);
  peers.heard("a", false);
  peers.find(b);
  peers.heard("d", false);
  EXPECT_EQ(peers.size(), 3u);
  EXPECT_EQ(peers.find(c), nullptr);
  EXPECT_NE(peers.find(a), nullptr);
  EXPECT_NE(peers.find(b), nullptr);
}

TEST(InboundPeers, APeerIdIsNeverUsedAgain) {
  InboundPeers peers(1);
  const PeerId a = peers.heard("a", false);
  peers.forget(a);
  peers.forget(a);
  EXPECT_EQ(peers.size(), 0u);
  EXPECT_NE(peers.heard("a", false), a);
}

TEST(InboundPeers, RoutingIdsMayHoldAnyBytes) {
  InboundPeers peers(1000);
  const std::string zero("\0\0\0\0\1", 5);
  const std::string other("\0\0\0\0\2", 5);
  EXPECT_NE(peers.heard(zero, false), peers.heard(other, false));
  EXPECT_EQ(peers.find(peers.heard(zero, false))->routing_id, zero);
}

}  // namespace
}  // namespace kv
