"""One file for each kind of thing; every route parses, calls one use case and renders."""
