"""The rules, one subject a file.

A rule is a public function: it takes a recipe and yields findings; its name is their code. The
first line of its docstring is its row in docs/preflight.md. There is no registry: the folder is
walked.
"""
