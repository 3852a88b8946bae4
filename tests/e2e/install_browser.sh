#!/usr/bin/env bash
# Installs Chromium and Firefox for the tests of the page, if run as root on a system with apt.
# Elsewhere it fails; the tests use the browsers that are there, and are skipped without them.
set -euo pipefail
missing=()
command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || missing+=(chromium)
command -v firefox firefox-esr >/dev/null || missing+=(firefox-esr)
if [ ${#missing[@]} = 0 ]; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  for browser in "${missing[@]}"; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$browser" >/dev/null
  done
else
  echo "Not installed: ${missing[*]}. This needs root and apt." >&2
  exit 1
fi
