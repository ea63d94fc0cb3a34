"""Readers that several wire formats share; a format itself imports no other format."""
