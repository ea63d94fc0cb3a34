"""Raw rows to swift rows (convert), and what can be said about them (check, show)."""
