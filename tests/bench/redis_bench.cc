// The yardstick beside kv-bench: the same work on a Redis server, over its unix socket. A put is
// SET and WAIT 1 in one write, acknowledged when both are answered; a get is GET. One thread, C
// connections with one operation in flight each.
//
// usage: redis_bench SOCKET put|get CLIENTS SECONDS RECORDS VALUE_BYTES
// Prints one JSON object: ops_per_second, p50_us, p99_us, max_us.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libkv/base/histogram.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"

namespace {

struct Connection {
  int fd = -1;
  size_t lines_wanted = 0;  // Of replies, counted by their CRLFs.
  size_t lines_seen = 0;
  kv::Instant began;
};

int connect_to(const char* path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror(path);
    std::exit(8);
  }
  return fd;
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

void begin(Connection& connection, bool put, const std::string& key, const std::string& value,
           kv::Instant now) {
  const std::string request = put ? "*3\r\n" + bulk("SET") + bulk(key) + bulk(value) + "*3\r\n" +
                                        bulk("WAIT") + bulk("1") + bulk("0")
                                  : "*2\r\n" + bulk("GET") + bulk(key);
  connection.lines_wanted = 2;  // +OK and :N; or $LENGTH and the bytes.
  connection.lines_seen = 0;
  connection.began = now;
  if (::write(connection.fd, request.data(), request.size()) !=
      static_cast<ssize_t>(request.size()))
    std::exit(8);
}

bool finished(Connection& connection) {
  char buffer[65536];
  const ssize_t count = ::read(connection.fd, buffer, sizeof buffer);
  if (count <= 0) std::exit(8);
  // A value may hold a lone CR or LF, but these are letters; a nil is one line.
  if (connection.lines_seen == 0 && buffer[0] == '$' && buffer[1] == '-')
    connection.lines_wanted = 1;
  for (ssize_t i = 0; i < count; ++i) connection.lines_seen += buffer[i] == '\n' ? 1 : 0;
  return connection.lines_seen >= connection.lines_wanted;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: redis_bench SOCKET put|get CLIENTS SECONDS RECORDS VALUE_BYTES\n");
    return 2;
  }
  const bool put = std::string(argv[2]) == "put";
  const size_t clients = std::strtoul(argv[3], nullptr, 10);
  const auto seconds = std::chrono::seconds(std::strtol(argv[4], nullptr, 10));
  const uint64_t records = std::strtoull(argv[5], nullptr, 10);
  const std::string value(std::strtoul(argv[6], nullptr, 10), 'v');
  kv::SystemClock clock;
  kv::Random random(1);
  kv::Histogram latencies;
  const auto next_key = [&] { return "user" + std::to_string(random.below(records)); };
  std::vector<Connection> connections(clients);
  std::vector<pollfd> polled;
  const kv::Instant start = clock.now();
  for (Connection& connection : connections) {
    connection.fd = connect_to(argv[1]);
    polled.push_back({connection.fd, POLLIN, 0});
    begin(connection, put, next_key(), value, clock.now());
  }
  uint64_t done = 0;
  kv::Instant now = start;
  while (now - start < seconds) {
    ::poll(polled.data(), polled.size(), 1000);
    now = clock.now();
    for (size_t i = 0; i < clients; ++i) {
      if ((polled[i].revents & POLLIN) == 0 || !finished(connections[i])) continue;
      latencies.record(now - connections[i].began);
      ++done;
      begin(connections[i], put, next_key(), value, now);
    }
  }
  std::printf("{\"ops_per_second\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
              static_cast<double>(done) / kv::seconds_of(now - start),
              static_cast<double>(latencies.percentile(0.5).count()) / 1e3,
              static_cast<double>(latencies.percentile(0.99).count()) / 1e3,
              static_cast<double>(latencies.max().count()) / 1e3);
  return 0;
}
