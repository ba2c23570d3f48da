// A line of a transcript as words, `name=value` among them; and the words for what machines speak
// of.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/model/ids.h"
#include "libkv/protocol/answer.h"

namespace kv::transcript {

struct Words {
  std::vector<std::string> words;

  explicit Words(const std::string& line) {
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word);
  }
  const std::string& operator[](size_t i) const {
    static const std::string kNone;
    return i < words.size() ? words[i] : kNone;
  }
  bool has(const std::string& word) const {
    return std::find(words.begin(), words.end(), word) != words.end();
  }
  std::string value(const std::string& name, const std::string& otherwise = "") const {
    for (const std::string& word : words) {
      if (word.rfind(name + "=", 0) == 0) return word.substr(name.size() + 1);
    }
    return otherwise;
  }
  std::string after(const std::string& name) const {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == name) return words[i + 1];
    }
    return "";
  }
  int number(const std::string& name, int otherwise) const {
    const std::string text = value(name);
    return text.empty() ? otherwise : std::stoi(text);
  }
};

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

inline MemberNumber member_of(const std::string& text) {
  return static_cast<MemberNumber>(std::stoi(text));
}

/// An answer's name, or the number of one that has none.
inline Answer answer_of(const std::string& name) {
  if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos)
    return static_cast<Answer>(std::stoi(name));
  for (int i = 0; i <= static_cast<int>(Answer::stale_round); ++i) {
    if (name == to_string(static_cast<Answer>(i))) return static_cast<Answer>(i);
  }
  ADD_FAILURE() << "no such answer: " << name;
  return Answer::invalid;
}

inline std::string names(const std::vector<MemberNumber>& members) {
  std::string text;
  for (MemberNumber member : members) {
    text += (text.empty() ? "" : ",") + std::to_string(member);
  }
  return text;
}

}  // namespace kv::transcript
