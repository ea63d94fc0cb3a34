"""A recipe's settings as swift will read them."""
