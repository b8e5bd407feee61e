"""What would go wrong later, found before the first request."""
