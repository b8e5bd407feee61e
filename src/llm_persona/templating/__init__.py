"""Templates found, checked and run. No persona is known here, and no other room knows Jinja2."""
