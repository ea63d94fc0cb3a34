"""The endpoint: requests, retries, concurrency, streams."""
