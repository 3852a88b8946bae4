"""The reads of queries in plain SQL, by subject."""
