#include "libkv/cli/json_record.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "libkv/cli/base64.h"

namespace kv {
namespace {

/// What the object has of the members that matter.
struct Members {
  std::optional<std::string> key, key_b64, value, value_b64, context;

  std::optional<std::string>* find(const std::string& name) {
    if (name == "key") return &key;
    if (name == "key_b64") return &key_b64;
    if (name == "value") return &value;
    if (name == "value_b64") return &value_b64;
    if (name == "context") return &context;
    return nullptr;
  }
};

/// Receives the parser's events. Only strings directly inside the outermost object matter;
/// returning false stops the parse with `reason` set.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Members members;
  std::string reason;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool start_array(size_t) override { return other() && deeper(); }
  bool start_object(size_t) override { return (depth_ == 0 || other()) && deeper(); }
  bool end_array() override { return shallower(); }
  bool end_object() override { return shallower(); }

  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    target_ = members.find(name);
    name_ = name;
    return target_ == nullptr || !target_->has_value() || stop('"' + name + "\" stands twice");
  }

  bool string(string_t& text) override {
    if (depth_ == 0) return stop("not a JSON object");
    if (depth_ == 1 && target_ != nullptr) *target_ = std::move(text);
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return stop("not valid JSON at byte " + std::to_string(position));
  }

 private:
  bool stop(std::string why) {
    if (reason.empty()) reason = std::move(why);
    return false;
  }
  // Anything that is not a string.
  bool other() {
    if (depth_ == 0) return stop("not a JSON object");
    if (depth_ == 1 && target_ != nullptr) return stop('"' + name_ + "\" must be a string");
    return true;
  }
  bool deeper() { return ++depth_, true; }
  bool shallower() { return --depth_, true; }

  size_t depth_ = 0;
  std::optional<std::string>* target_ = nullptr;
  std::string name_;
};

// The text, or what the base64 stands for; nothing if neither was there.
Result<std::optional<std::string>> either(std::optional<std::string> text,
                                          const std::optional<std::string>& base64,
                                          const std::string& name) {
  if (!base64) return text;
  if (text) {
    return fail(ErrorKind::invalid, "both \"" + name + "\" and \"" + name + "_b64\"");
  }
  auto bytes = decode_base64(*base64);
  if (!bytes) return fail(ErrorKind::invalid, "\"" + name + "_b64\": " + bytes.error().what);
  return std::optional<std::string>(std::move(*bytes));
}

}  // namespace

Result<JsonRecord> parse_json_record(BytesView line, bool value_required) {
  Events events;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &events)) {
    return fail(ErrorKind::invalid, events.reason);
  }
  KV_ASSIGN(auto key, either(std::move(events.members.key), events.members.key_b64, "key"));
  KV_ASSIGN(auto value, either(std::move(events.members.value), events.members.value_b64, "value"));
  if (!key) return fail(ErrorKind::invalid, "no \"key\" or \"key_b64\"");
  if (!value && value_required) return fail(ErrorKind::invalid, "no \"value\" or \"value_b64\"");
  JsonRecord record{
      .key = std::move(*key), .value = {}, .context = std::move(events.members.context)};
  if (value) record.value = std::move(*value);
  return record;
}

}  // namespace kv
