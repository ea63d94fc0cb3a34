"""Harmony, the format of gpt-oss: its answers, and conversations as the published template writes
them."""
