#!/usr/bin/env bash
# Installs exiftool, with which tests compare the facts read from camera files, as root on a system
# with apt. Elsewhere it fails, and those tests are skipped.
set -euo pipefail
if command -v exiftool >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libimage-exiftool-perl >/dev/null
else
  echo "Not installed: exiftool. This needs root and apt." >&2
  exit 1
fi
