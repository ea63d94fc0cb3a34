"""What `swiftkit check` looks for: one concern a file. check.py reads the rows and asks each of them."""
