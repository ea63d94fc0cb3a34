"""What swift loads by --external_plugins: the only files that import it."""
