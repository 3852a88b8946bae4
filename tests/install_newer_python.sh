#!/usr/bin/env bash
# Prints the command of a Python 3.13 that can make environments, as the last line: of those given,
# or of the usual ones. Where there is none, it installs Debian's, as root. Ends with 1 where there
# is none after that: CI must not be green because a version of Python was not tried.
set -euo pipefail
candidates=("${@:-python3.13}")
if [ $# = 0 ]; then candidates+=(/usr/bin/python3.13); fi

usable() {
  for each in "${candidates[@]}"; do
    if "$each" -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      echo "$each"
      return
    fi
  done
  return 1
}

if usable; then exit; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3.13 python3.13-venv python3.13-dev >&2 || true
fi
usable && exit
echo "There is no Python 3.13 with ensurepip; CI must have one." >&2
exit 1
