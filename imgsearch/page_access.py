"""Who can reach the page: what the command that starts it and the page itself both have to know."""

from __future__ import annotations

PASSWORD_VARIABLE = "IMGSEARCH_UI_PASSWORD"
TOKEN_VARIABLE = "IMGSEARCH_UI_TOKEN"
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # addresses that only this machine can reach
