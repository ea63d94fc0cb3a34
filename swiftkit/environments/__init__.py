"""What answers the calls of an agent, and the loop between the two."""
