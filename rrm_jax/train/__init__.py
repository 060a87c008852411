"""Recipes: one file each, each a short typed training step."""
