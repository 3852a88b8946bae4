"""The views of the page, one module each. `show()` draws the view."""
