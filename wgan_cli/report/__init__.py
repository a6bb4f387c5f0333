"""One page about a run, or about several side by side, that needs nothing beside it."""
