"""Headers and values shared by the responses of the page's own addresses."""

from __future__ import annotations

# Photos, names and queries are private: no browser or proxy keeps them.
NOT_STORED = {"Cache-Control": "no-store"}
