"""Check a recipe (examine.py) and a machine (doctor.py) before anything heavy is imported."""
