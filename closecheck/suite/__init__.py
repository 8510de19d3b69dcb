"""pytest's side of a run: the plug-in, its hooks and fixtures, and the engine that starts it."""
