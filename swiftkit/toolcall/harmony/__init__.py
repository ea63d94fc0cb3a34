"""Harmony, the format of gpt-oss: its answers, and conversations as the published template
or OpenAI's own renderer writes them."""
