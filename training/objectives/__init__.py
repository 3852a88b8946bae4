"""Compares five objectives that learn from captions, on the same image features.

`python -m training.objectives`; research/objectives.md has the answer.
"""
