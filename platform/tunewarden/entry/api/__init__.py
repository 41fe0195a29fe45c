"""The HTTP door: /v1, as existing OpenAI client code speaks it, with governance beside it."""
