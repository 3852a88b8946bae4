"""How the heads of the built-in encoder are trained."""
