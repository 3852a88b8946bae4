"""Trials whose outcome is told in the notes and the model card. Not part of the package."""
