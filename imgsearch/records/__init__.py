"""Frozen records that cross module boundaries."""
