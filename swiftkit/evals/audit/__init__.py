"""The audit of a reward: how it can be cheated, where it fails, how long it takes.

audit.py leads; targets.py reads the data's gold, forms.py finds how the reward wants it written,
attacks.py (wrong_texts.py, wrong_calls.py) are the tricks, verdicts.py judges them, probes.py the
rest: exceptions, order of the batch, time. reward_process.py talks to the process that calls it.
"""
