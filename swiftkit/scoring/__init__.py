"""How right tool calls are: the reward and the metric."""
