"""The embedded log: durable, one process, no broker."""

from penstock.log.embedded.engine import EmbeddedLog

__all__ = ["EmbeddedLog"]
