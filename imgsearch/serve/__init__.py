"""The resident service: a library that stays open and answers over HTTP, to this user alone."""

from imgsearch.serve.running import MIN_TOKEN_LENGTH, Network, Running, serve

__all__ = ["MIN_TOKEN_LENGTH", "Network", "Running", "serve"]
