"""What OpenAI's chat-completions API wants of a server, as pure functions: requests in, answers
out."""
