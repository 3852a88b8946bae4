"""Training and evaluation of the heads of `lite`. Not part of the installed package."""
