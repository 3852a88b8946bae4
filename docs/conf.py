"""How Sphinx builds the site of the documentation: `make site`.

The pages are the Markdown files of docs/, with the other Markdown files that they link to, so the
folder of the sources is the checkout. Nothing in the site asks another host for anything.
"""

from __future__ import annotations

from imgsearch.version import VERSION

project = "imgsearch"
release = VERSION
project_copyright = "imgsearch contributors, MIT licence"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
include_patterns = [
    *(f"{folder}/{files}.md" for folder in ("docs", "research") for files in ("*", "**/*")),
    "imgsearch/encoders/lite/README.md",
    "*.md",
]
# Folders that are not even looked at.
exclude_patterns = [
    ".*",
    "build",
    "dist",
    "tests",
    "ui",
    "training",
    "benchmarks",
    "**/__pycache__",
]

# Links to headings are those of GitHub.
myst_heading_anchors = 4
# JSON in the examples has an ellipsis here and there, which no lexer knows.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"imgsearch {VERSION}"
html_extra_path = ["site"]  # index.html, which leads to docs/index.html
html_copy_source = False
html_show_sphinx = False
