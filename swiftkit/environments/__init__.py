"""What answers the calls of an agent: one file a domain, and the rollout that plays an episode.

environment.py    the protocol: AgentTask, Domain, Environment, Turn, Reward
rollout.py        play an episode against a served model
recorded.py       calls get the results that were recorded with the row
python_tools.py   calls run the functions of a user's Python file (SWIFTKIT_TOOLS)
bfcl.py           BFCL's multi_turn conversations in the simulators of bfcl-eval
"""
