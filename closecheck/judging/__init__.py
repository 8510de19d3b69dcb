"""Pure judgement: an exchange in, evidence out. No I/O, no clock, no memory of a target beyond what is handed in."""
