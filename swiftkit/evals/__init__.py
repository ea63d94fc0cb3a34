"""Evaluations: tasks, runs, metrics, comparisons."""
