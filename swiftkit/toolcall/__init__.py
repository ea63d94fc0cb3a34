"""What a tool call is: its type, every wire format it is written in, and how it is scored. No
network, no disk."""
