#!/usr/bin/env bash
# Installs Node.js and npm, with which the JavaScript of the page is checked, as root on a system
# with apt. Elsewhere it fails; `make check-js` takes what is there.
set -euo pipefail
if command -v node >/dev/null && command -v npm >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
else
  echo "Not installed: node and npm. This needs root and apt." >&2
  exit 1
fi
