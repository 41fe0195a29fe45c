"""The outside: one file for each thing outside, each says whether it is trusted."""
