"""One kind of input file each: its bytes to undecoded JSON records with their places. inputs.py
chooses."""
