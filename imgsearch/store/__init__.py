"""The SQLite database of a library."""
