"""The work: the heavy libraries live only here."""
