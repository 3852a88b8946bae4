"""The page: search, view photos, find near-duplicates, label, and manage the library in a browser.

`imgsearch ui` starts it (`ui.__main__`, then `ui.server`). It uses only the names that `imgsearch`
exports.
"""

import sys

# An installed copy has this package as `imgsearch.page` (pyproject.toml), and its own process. Its
# modules import each other by the name that the package has in a checkout.
sys.modules.setdefault("ui", sys.modules[__name__])
