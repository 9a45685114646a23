"""A server: the parts of the engine put together in one process (parts.py), from what its
configuration asks for (opening.py), and what it does from start to end (running.py).
"""

from penstock.server.opening import log_of, partitions_on_kafka
from penstock.server.parts import Parts, parts, verify
from penstock.server.running import Beside, run

__all__ = ["Beside", "Parts", "log_of", "partitions_on_kafka", "parts", "run", "verify"]
