"""Estimate the memory that a recipe needs on a GPU. No GPU has confirmed it yet."""
