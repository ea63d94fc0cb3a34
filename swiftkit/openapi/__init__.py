"""Tool definitions from the documents of APIs and from MCP servers."""
