"""A persona file as data with places, and as text again: the only room that knows YAML, JSON and the schema."""

__all__ = ["invisible", "merge_keys", "named", "output", "plain_data", "reading", "source", "validation", "writing"]
