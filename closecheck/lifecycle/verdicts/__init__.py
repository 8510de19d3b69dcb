"""What the facts of an experiment say on each requirement: functions that only read."""
