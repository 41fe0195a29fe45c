"""Verifies Tunewarden's audit log and lineage bundles offline; imports nothing of Tunewarden."""
