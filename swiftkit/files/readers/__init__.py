"""One kind of input file each: its bytes to undecoded records with places. inputs.py chooses."""
