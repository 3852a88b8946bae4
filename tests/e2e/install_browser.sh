#!/usr/bin/env bash
# Installs Chromium for the tests of the page, where this may be done without asking: as root,
# on a system with apt. Elsewhere the tests use any Chromium or Chrome there is, or are skipped.
set -euo pipefail
if command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
else
  echo "No Chromium here: the tests of the page will be skipped." >&2
fi
