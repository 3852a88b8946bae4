"""The HTTP service of a library and its client."""
