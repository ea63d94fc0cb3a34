"""The wire formats of tool calls, one a file."""
