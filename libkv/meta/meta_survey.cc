#include "libkv/meta/meta_survey.h"

#include <algorithm>
#include <utility>

#include "libkv/base/scratch_file_system.h"
#include "libkv/meta/sqlite_format.h"

namespace kv {

namespace {

class SurveyReader final : public ContentsReader {
 public:
  void row(const std::string& table, const std::string& key, std::string value) override {
    survey.sound.rows.push_back({{table, key}, std::move(value)});
  }
  Status corrupt(Error error) override {
    survey.corruption.push_back(std::move(error));
    return {};
  }
  MetaSurvey survey;
};

Status read(Environment& environment, const std::string& path, SurveyReader& reader) {
  SqliteVfs vfs(environment);
  KV_ASSIGN(const auto connection, SqliteConnection::open(vfs, path, Duration(0)));
  return read_contents(*connection, reader);
}

}  // namespace

Result<MetaSurvey> survey_sqlite_meta(Environment& environment, const std::string& path) {
  KV_ASSIGN(const bool there, environment.files.exists(path));
  if (!there) return fail(ErrorKind::not_found, path + ": the file is missing");
  ScratchFileSystem scratch(environment.files);
  Environment read_only{scratch, environment.clock, environment.executor, environment.log,
                        environment.entropy};
  SurveyReader reader;
  const Status done = read(read_only, path, reader);
  if (!done && done.error().kind != ErrorKind::corrupt) return fail(done.error());
  if (!done) reader.survey.corruption.push_back(done.error());
  std::sort(reader.survey.sound.rows.begin(), reader.survey.sound.rows.end());
  return std::move(reader.survey);
}

}  // namespace kv
