"""What people can do: one function, one transaction. Knows the ground and its own ports, nothing outside."""
