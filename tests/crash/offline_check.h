// What the check of a directory offline says of one that is sound: nothing that is corrupt, and
// that it has read all.
#pragma once

#include <string>

#include "libkv/storage/check/engine_check.h"

namespace kv {

/// Corrupt: the first thing it says. Errors: those of check_engine().
inline Status check_offline(FileSystem& files, MetaStore& meta, const std::string& meta_path,
                            const std::string& directory) {
  struct Findings final : EngineCheckVisitor {
    void finding(const Finding& finding) override {
      if (finding.severity == Finding::Severity::corrupt) tell(to_text(finding));
    }
    void unverified(const Error& error) override { tell(error.what); }
    void tell(const std::string& what) {
      if (first.empty()) first = what;
    }
    std::string first;
  } findings;
  KV_TRY(check_engine(files, meta, meta_path, directory, ManifestRows::whole, findings));
  if (findings.first.empty()) return {};
  return fail(ErrorKind::corrupt, findings.first);
}

}  // namespace kv
