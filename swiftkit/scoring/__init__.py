"""The scorer of tool calls: GRPO's reward and the metric of evaluations."""
