"""How data sets write tools into a system text, and calls and results into texts: one a file."""
