"""Vector indexes and their snapshot files."""
