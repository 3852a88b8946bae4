"""Decodes photo files: any format into upright sRGB images and the facts of the file."""
