"""The ground: pure rules on the standard library alone. No input or output, no clock, no framework."""
