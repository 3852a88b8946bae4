"""Keeps links, lists and commands in step with saved searches."""
