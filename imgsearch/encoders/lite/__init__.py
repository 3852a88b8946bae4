"""The built-in encoder `lite`; README.md is its model card."""
