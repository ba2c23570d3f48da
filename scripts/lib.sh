# shellcheck shell=bash
# What every script sources, after `set -euo pipefail`: where the project is, one `die`, and where
# the programs are. The script's name stands in $script for messages.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")

say() {
  printf '%s: %s\n' "$script" "$*" >&2
}

# die [CODE] MESSAGE…: the exit codes are those of every kv command; 2 is usage, 8 a local failure.
die() {
  local code=8
  if [[ ${1-} =~ ^[0-9]+$ ]]; then
    code=$1
    shift
  fi
  say "$*"
  exit "$code"
}

usage_error() {
  die 2 "$* (see $script --help)"
}

# The comment at the top of the script is its help.
print_help() {
  sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "$0"
}

# Where the programs may be, in order: $KV_BIN, the build directory, then PATH.
program_directories() {
  local base
  for base in "${KV_BIN-}" "$project/build"; do
    if [[ -n $base ]]; then
      printf '%s\n' "$base" "$base/bin" "$base/daemons"
    fi
  done
}

# find_program NAME: prints its path, or fails.
find_program() {
  local directory
  while read -r directory; do
    if [[ -f $directory/$1 && -x $directory/$1 ]]; then
      printf '%s\n' "$directory/$1"
      return
    fi
  done < <(program_directories)
  type -P "$1"
}

need_program() {
  find_program "$1" || die "$1 is not built: run scripts/build, or name its directory in KV_BIN"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    command -v sudo >/dev/null || die "installing needs root or sudo"
    sudo "$@"
  fi
}
