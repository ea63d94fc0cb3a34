"""Harmony, the prompt format of gpt-oss: what the published chat template makes of a
conversation."""
