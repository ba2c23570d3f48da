// Planted bugs: each invariant has one, switched on by name in the one test build that has
// `-Dplanted=true`, so that a check which cannot fail is found out. Constant false in every other
// build. Names: tests/sim/planted_test lists them with the seed that catches each.
#pragma once

namespace kv {

#ifdef KV_PLANTED_BUGS
/// True if `name` is the planted bug of this run (the environment variable KV_PLANTED, or
/// set_planted_bug()).
bool planted_bug(const char* name);
void set_planted_bug(const char* name);
#define KV_PLANTED(name) (::kv::planted_bug(#name))
#else
#define KV_PLANTED(name) (false)
#endif

}  // namespace kv
