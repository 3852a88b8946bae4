"""The resident HTTP service and its client."""
