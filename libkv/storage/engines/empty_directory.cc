#include "libkv/storage/engines/empty_directory.h"

#include "libkv/storage/log/log_segment.h"

namespace kv {

Status check_empty(const std::string& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (numbered_file(name, ".sst") || numbered_file(name, ".log"))
      return fail(ErrorKind::corrupt,
                  directory + "/" + name + ": the metadata does not know this directory");
  return {};
}

}  // namespace kv
