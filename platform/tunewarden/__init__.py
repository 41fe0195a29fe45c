"""Tunewarden: fine-tuning on personal data that can be handed to a regulator."""
