"""What `swiftkit check` looks for: one concern a file. data/checks/check.py reads the rows and asks
each of them."""
