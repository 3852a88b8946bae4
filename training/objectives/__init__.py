"""Which objective learns best from captions? Five of them, trained on the same image features.

`python -m training.objectives`; docs/objectives.md has the answer.
"""
