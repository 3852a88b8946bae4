"""Ports for the servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Linux gives ports from 32768 on to outgoing connections, and other systems still higher ones: one
# of those could take the port before the server that is to listen there does.
_PORTS = range(20_000, 32_768)


def free_port() -> int:
    """A port of the loopback interface that nothing uses, and that no connection is given."""
    chance = random.SystemRandom()  # not as other workers of the same run
    while True:
        port = chance.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
