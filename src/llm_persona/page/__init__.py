"""A registry as one HTML page to look at."""
