"""Engines: what a library is kept in and searched by. `base` is their interface."""
