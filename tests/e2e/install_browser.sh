#!/usr/bin/env bash
# Installs Chromium and Firefox for the tests of the page, if run as root on a system with apt.
# Elsewhere it fails; the tests use the browsers that are there, and are skipped without them.
# Of Chromium the headless shell, where the system has it as a package: it is a third faster.
set -euo pipefail
chromium=chromium
command -v apt-cache >/dev/null && apt-cache show chromium-headless-shell >/dev/null 2>&1 && chromium=chromium-headless-shell
missing=()
command -v "$chromium" >/dev/null || missing+=("$chromium")
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
