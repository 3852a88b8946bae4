"""Concepts that are taught by examples."""
