"""Keeps a library in sync with the disk."""
