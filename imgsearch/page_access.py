"""Names that the page and the command that starts it have in common."""

from __future__ import annotations

PASSWORD_VARIABLE = "IMGSEARCH_UI_PASSWORD"
TOKEN_VARIABLE = "IMGSEARCH_UI_TOKEN"
ARCHIVE_VARIABLE = "IMGSEARCH_UI_ARCHIVE"  # address of the archive to show, if it is one
LOOPBACK = ("localhost", "127.0.0.1", "::1")  # addresses that only this machine can reach
