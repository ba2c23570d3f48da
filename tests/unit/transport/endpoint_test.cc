#include "libkv/transport/endpoint.h"

#include <string>

#include <gtest/gtest.h>

namespace kv {
namespace {

using Scheme = ParsedEndpoint::Scheme;

std::string refusal(const Endpoint& text) {
  const auto parsed = parse_endpoint(text);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().kind, ErrorKind::invalid);
  return parsed.error().what;
}

TEST(Endpoint, ParsesIpc) {
  const auto parsed = parse_endpoint("ipc:///run/kv/1/node.sock");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->scheme, Scheme::ipc);
  EXPECT_EQ(parsed->path, "/run/kv/1/node.sock");
  EXPECT_TRUE(is_loopback(*parsed));
}

TEST(Endpoint, ParsesTcp) {
  const auto parsed = parse_endpoint("tcp://store-1.example:7400");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->scheme, Scheme::tcp);
  EXPECT_EQ(parsed->host, "store-1.example");
  EXPECT_EQ(parsed->port, 7400);
  EXPECT_FALSE(parsed->is_ipv6());
}

TEST(Endpoint, ParsesIpv6InBrackets) {
  const auto parsed = parse_endpoint("tcp://[fe80::1]:65535");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->host, "fe80::1");
  EXPECT_EQ(parsed->port, 65535);
  EXPECT_TRUE(parsed->is_ipv6());
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* local : {"tcp://127.0.0.1:1", "tcp://127.9.8.7:1", "tcp://localhost:1",
                            "tcp://[::1]:1", "inproc://x", "ipc:///x"})
    EXPECT_TRUE(is_loopback(*parse_endpoint(local))) << local;
  // A name that merely begins like an address can be resolved to anything.
  for (const char* remote : {"tcp://10.0.0.1:1", "tcp://127.0.0.1.example:1", "tcp://0.0.0.0:1",
                             "tcp://[::]:1", "tcp://localhost.example:1"})
    EXPECT_FALSE(is_loopback(*parse_endpoint(remote))) << remote;
}

TEST(Endpoint, ThePathsLengthIsCheckedAndNamed) {
  const std::string longest = "/" + std::string(106, 'a');
  EXPECT_TRUE(parse_endpoint("ipc://" + longest));
  const std::string what = refusal("ipc://" + longest + "b");
  EXPECT_NE(what.find(longest + "b has 108 bytes, at most 107"), std::string::npos) << what;
}

TEST(Endpoint, RefusesWhatOthersCannotReach) {
  EXPECT_NE(refusal("tcp://*:7400").find("`*`"), std::string::npos);
  EXPECT_NE(refusal("tcp://127.0.0.1:*").find("fixed"), std::string::npos);
  EXPECT_NE(refusal("tcp://127.0.0.1:0").find("fixed"), std::string::npos);
  EXPECT_NE(refusal("ipc://*").find("absolute"), std::string::npos);
  EXPECT_NE(refusal("ipc://@abstract").find("absolute"), std::string::npos);
}

TEST(Endpoint, RefusesEverythingElse) {
  for (const char* text : {"",
                           "ipc",
                           "ipc:",
                           "ipc://",
                           "ipc://relative",
                           "ipc:///dir/",
                           "tcp://",
                           "tcp://host",
                           "tcp://:1",
                           "tcp://host:",
                           "tcp://host:65536",
                           "tcp://host:-1",
                           "tcp://host:1x",
                           "tcp://host:99999999999999999999",
                           "tcp://::1:5",
                           "tcp://[::1]5",
                           "tcp://[::1:5",
                           "tcp://[nonsense]:5",
                           "tcp://a;b:5",
                           "inproc://",
                           "udp://host:5",
                           "pgm://eth0;239.1.1.1:5",
                           "vmci://1:5",
                           "IPC:///x",
                           "ipc:///a b",
                           "://x"})
    EXPECT_NE(refusal(text), "") << text;
  EXPECT_NE(refusal(std::string("ipc:///a\0b", 10)), "");
  EXPECT_NE(refusal("tcp://" + std::string(256, 'a') + ":1"), "");
}

}  // namespace
}  // namespace kv
