"""A TCP port that nobody listens on now: `python -m swiftkit.training.free_port` prints one.

Another process may take it before it is used; a fixed port would fail every second job.
"""

from swiftkit.recipe.machine import free_port

if __name__ == "__main__":
    print(free_port())
