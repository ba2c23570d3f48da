#include "libkv/storage/engines/empty_directory.h"

#include "libkv/storage/file_names.h"

namespace kv {

Status check_empty(const std::string& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (is_engine_file(name))
      return fail(ErrorKind::corrupt,
                  directory + "/" + name + ": the metadata does not know this directory");
  return {};
}

}  // namespace kv
