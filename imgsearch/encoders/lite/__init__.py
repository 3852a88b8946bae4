"""The built-in encoder: real search from packages alone, on any CPU. See README.md beside this."""

from imgsearch.encoders.lite.encoder import Lite

__all__ = ["Lite"]
