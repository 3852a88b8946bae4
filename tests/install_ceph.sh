#!/usr/bin/env bash
# Installs Ceph, the object storage of `make scale-test`, as root on a system with apt. Elsewhere
# `make scale-test` uses moto, a stand-in in Python.
set -euo pipefail
if command -v radosgw >/dev/null && command -v ceph-osd >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    radosgw ceph-mon ceph-osd >/dev/null
else
  echo "Ceph is not installed: object storage will be moto." >&2
fi
