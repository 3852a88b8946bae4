"""The map of meaning: photos laid out on a plane by their vectors, in clusters with names."""
