"""Deliberate deviations of the reference target: faults break a requirement, variants break none."""
