"""The views of the page, one file each. Every one has `show()`."""
