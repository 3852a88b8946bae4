"""Compares five objectives that learn from captions, on the same image features.

`python -m training.objectives`; docs/objectives.md has the answer.
"""
