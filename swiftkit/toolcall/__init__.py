"""Tool calls and tool definitions, in every format that models write. No network, no disk."""
