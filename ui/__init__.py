"""The page: search, look closer, find duplicates, label, and keep the library, in a browser.

`imgsearch ui` starts it (`ui.server`). Everything it knows comes from `imgsearch.library.Library`.
"""
