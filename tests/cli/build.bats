#!/usr/bin/env bats
# scripts/build and .ci/run, in a tree of one file that compiles with a warning.

load setup

setup() {
  tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree"
  cp -r "$project/scripts" "$project/.ci" "$tree"
  printf "project('t', 'cpp', default_options: ['warning_level=3'])\nexecutable('t', 't.cc')\n" \
    >"$tree/meson.build"
  printf 'int main() {\n  int unused;\n}\n' >"$tree/t.cc"
  cd "$BATS_TEST_TMPDIR" || return 1
}

@test "with CI=true warnings are errors, also in a directory that was configured without" {
  assert_exit 0 env -u CI "$tree/scripts/build"
  grep -q 'unused variable' out
  assert_exit 1 env CI=true "$tree/scripts/build"
  grep -q 'Werror=unused-variable' out
  printf 'int main() {}\n' >"$tree/t.cc"
  assert_exit 0 env CI=true "$tree/scripts/build"
  # Nothing is configured anew for what is so already.
  assert_exit 0 env CI=true "$tree/scripts/build"
  grep -q 'no work to do' out
}

@test "a new directory likewise; under a sanitizer warnings stay warnings" {
  assert_exit 1 env CI=true "$tree/scripts/build"
  grep -q 'Werror=unused-variable' out
  assert_exit 0 env CI=true "$tree/scripts/build" --sanitize address
}

@test ".ci/run sets CI=true" {
  # shellcheck disable=SC2016 # The stub's words.
  printf '#!/bin/sh\necho "CI is $CI"\n' >"$tree/scripts/test"
  assert_exit 0 env -u CI "$tree/.ci/run"
  assert_equal "$(<out)" 'CI is true'
}
