"""A recipe's run: supervised, recorded, resumed, repeated."""
