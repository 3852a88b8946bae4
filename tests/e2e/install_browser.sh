#!/usr/bin/env bash
# Installs Chromium for the tests of the page, if run as root on a system with apt.
# Elsewhere the tests use an installed Chromium or Chrome; without one they are skipped.
set -euo pipefail
if command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
else
  echo "Chromium is not installed: the tests of the page will be skipped." >&2
fi
