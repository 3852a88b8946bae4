"""The version of imgsearch, for the package, the service's handshake and failure records."""

VERSION = "0.1.0"
