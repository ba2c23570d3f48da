// Arbitrary contexts and records for property tests: small pools of actors and puts, so that what
// is drawn meets.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "libkv/model/mint.h"
#include "libkv/model/record.h"

namespace rc {

template <>
struct Arbitrary<kv::CausalContext> {
  static Gen<kv::CausalContext> arbitrary() {
    return gen::exec([] {
      kv::CausalContext context;
      const int actors = *gen::inRange(0, 6);
      for (int i = 0; i < actors; ++i) {
        const auto member = *gen::inRange<kv::MemberNumber>(1, 5);
        context.see(kv::Dot{kv::Actor(member, *gen::inRange<kv::Birth>(1, 1ull << 48)),
                            *gen::arbitrary<uint64_t>()});
      }
      const int puts = *gen::inRange(0, 3);
      for (int i = 0; i < puts; ++i) {
        context.see(kv::PutId{*gen::arbitrary<uint64_t>(), *gen::arbitrary<uint64_t>()},
                    *gen::arbitrary<kv::Attempt>());
      }
      if (*gen::arbitrary<bool>()) context.see(kv::wall_time_of(*gen::arbitrary<int64_t>()));
      return context;
    });
  }
};

template <>
struct Arbitrary<kv::Record> {
  static Gen<kv::Record> arbitrary() {
    return gen::exec([] {
      kv::Record record;
      record.kind = static_cast<kv::RecordKind>(*gen::inRange(0, 3));
      record.context = *gen::arbitrary<kv::CausalContext>();
      const int count = *gen::inRange(0, 5);
      for (int i = 0; i < count; ++i) {
        kv::Sibling sibling;
        sibling.dot = {
            kv::Actor(*gen::inRange<kv::MemberNumber>(1, 5), 7 + static_cast<unsigned>(i)),
            *gen::inRange<uint64_t>(1, UINT64_MAX)};
        sibling.put = {*gen::arbitrary<uint64_t>(), *gen::arbitrary<uint64_t>()};
        sibling.attempt = *gen::inRange<kv::Attempt>(1, UINT32_MAX);
        sibling.tombstone = *gen::arbitrary<bool>();
        sibling.value = kv::SharedBytes(*gen::arbitrary<std::string>());
        sibling.timestamp = kv::wall_time_of(*gen::arbitrary<int64_t>());
        if (*gen::arbitrary<bool>()) {
          sibling.expiry = kv::wall_time_of(*gen::arbitrary<int64_t>());
        }
        record.siblings.push_back(sibling);
      }
      std::sort(record.siblings.begin(), record.siblings.end(),
                [](const auto& a, const auto& b) { return a.dot < b.dot; });
      return record;
    });
  }
};

}  // namespace rc
