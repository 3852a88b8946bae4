"""The page: search, view photos, find near-duplicates, label, and manage the library in a browser.

`imgsearch ui` starts it (`ui.__main__`, then `ui.server`). It uses only the names that `imgsearch`
exports.
"""
