"""Status, near-duplicates and retrieval quality."""
