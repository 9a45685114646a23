"""The log: one port (port.py) and its adapters, Kafka and embedded."""
