"""The golden bundle of `tests/audit`, with its maker and its careful forger."""

from tests.audit.conftest import Forge, bundle_bytes, files, forge, golden

__all__ = ["Forge", "bundle_bytes", "files", "forge", "golden"]
