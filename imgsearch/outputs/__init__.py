"""Writes files for the user: links, lists, copies, contact sheets and XMP files."""
