"""Device code: the Qwen2 decoder, its cache and its checkpoints."""
