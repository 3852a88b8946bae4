#!/usr/bin/env bash
# Installs strace and iproute2, which the test of privacy records with, where this may be done
# without asking: as root, on a system with apt. Elsewhere it fails, and that test is skipped.
set -euo pipefail
if command -v strace >/dev/null && command -v ip >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq strace iproute2 >/dev/null
else
  echo "Not installed: strace or iproute2. This needs root and apt." >&2
  exit 1
fi
