"""The concerns of `swiftkit check`, one a file. check.py reads the rows and asks each of them."""
