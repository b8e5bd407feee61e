"""Who an agent is: a persona, its ancestors, its versions and rollouts, and how all of it is loaded from files."""
