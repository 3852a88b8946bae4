"""What queries read of a library, by subject, in plain SQL."""
