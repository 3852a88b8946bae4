#!/usr/bin/env bash
# Installs exiftool, whose reading of camera files ours is held against, where this may be done
# without asking: as root, on a system with apt. Elsewhere those tests are skipped without it.
set -euo pipefail
if command -v exiftool >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libimage-exiftool-perl >/dev/null
else
  echo "No exiftool here: the tests that need it will be skipped." >&2
fi
