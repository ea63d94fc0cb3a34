"""OpenAI's chat-completions API as pure functions: requests in, answers out."""
