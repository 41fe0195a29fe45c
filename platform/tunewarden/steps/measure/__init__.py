"""The measuring step: what an adapter is worth, to whom, why, and what it gives away, on persons it never saw.

The measures are functions over arrays; `step.py` alone reads blobs and loads models.
"""
