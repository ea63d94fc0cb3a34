"""One theme a file. A rule is a public function: a recipe in, faults out; its name is the fault's
code.

The first line of its docstring is its row in docs/preflight.md. There is no registry: the folder is
walked.
"""
