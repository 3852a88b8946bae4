"""Zero-shot labels."""
