"""llm-persona."""
