"""The training step: person-level differentially private LoRA on Ray Train; `recipe.py` is the loop itself."""
