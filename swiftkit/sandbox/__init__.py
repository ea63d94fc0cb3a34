"""Processes that run code which is not ours."""
