"""BFCL's own verdicts."""
