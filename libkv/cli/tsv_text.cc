#include "libkv/cli/tsv_text.h"

namespace kv {
namespace {

// Pairs: the byte, and the letter that stands for it after a backslash.
constexpr char kEscapes[][2] = {{'\t', 't'}, {'\n', 'n'}, {'\r', 'r'}, {'\\', '\\'}, {'\0', '0'}};

constexpr BytesView kSpecial("\t\n\r\\\0", 5);

bool append_unescaped(std::string& out, char letter) {
  for (const auto& escape : kEscapes) {
    if (escape[1] == letter) return out += escape[0], true;
  }
  return false;
}

}  // namespace

void append_tsv(std::string& out, BytesView bytes) {
  for (;;) {
    const size_t plain = bytes.find_first_of(kSpecial);
    out.append(bytes.substr(0, plain));
    if (plain == BytesView::npos) return;
    for (const auto& escape : kEscapes) {
      if (escape[0] == bytes[plain]) out.append({'\\', escape[1]});
    }
    bytes.remove_prefix(plain + 1);
  }
}

Status unescape_tsv(BytesView text, std::string& out) {
  if (text.find('\t') != BytesView::npos) {
    return fail(ErrorKind::invalid, "a second tab: a tab within a value is written \\t");
  }
  for (;;) {
    const size_t plain = text.find('\\');
    out.append(text.substr(0, plain));
    if (plain == BytesView::npos) return {};
    if (plain + 1 == text.size() || !append_unescaped(out, text[plain + 1])) {
      return fail(ErrorKind::invalid,
                  "a backslash that begins none of \\t \\n \\r \\\\ \\0: write it as \\\\");
    }
    text.remove_prefix(plain + 2);
  }
}

}  // namespace kv
