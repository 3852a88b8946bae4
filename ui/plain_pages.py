"""The pages that the server sends without Streamlit: the login, and what it says instead of a view.

They have the colours of the views, and load nothing but an icon.
"""

from __future__ import annotations

import html

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="{icon}"><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ display: grid; place-items: center; min-height: 90vh; margin: 0 16px;
  color: light-dark(#2f2d2b, #edebe8); background: light-dark(#fff, #171614); }}
form {{ display: grid; gap: 12px; width: min(320px, 90vw); }}
main {{ width: min(560px, 100%); overflow-wrap: anywhere; }}
input, button {{ font: inherit; padding: 10px 12px; border-radius: 8px; border: 1px solid #8886; }}
button {{ background: #0f766e; color: #fff; border: 0; cursor: pointer; }}
code {{ white-space: nowrap; padding: 2px 6px; border-radius: 6px; background: #8883; }}
code.path {{ white-space: normal; }}
li {{ margin: 8px 0; }}
a {{ color: light-dark(#0f766e, #2dd4bf); }}
p a {{ display: inline-block; padding: 10px 4px; }}
nav {{ display: flex; flex-wrap: wrap; gap: 8px; }}
nav a {{ display: inline-flex; align-items: center; min-height: 44px; padding: 0 14px;
  border: 1px solid #8886; border-radius: 10px; text-decoration: none; }}
</style><script>
try {{ // the choice of light or dark that was made in the views
  const chosen = JSON.parse(localStorage.getItem("stActiveTheme-/-v2"));
  document.documentElement.style.colorScheme = {{ Light: "light", Dark: "dark" }}[chosen] ?? "";
}} catch {{}}
</script></head>{body}</html>"""
_NO_ICON = "data:,"  # or the browser asks for one, which is refused before a login


def plain_page(title: str, body: str, icon: str = _NO_ICON) -> str:
    """Return the document with this title and this body, which is HTML."""
    return _PAGE.format(title=html.escape(title), icon=icon, body=body)
