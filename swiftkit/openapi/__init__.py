"""Tool definitions from OpenAPI documents."""
