"""The store: one port (port.py), kept in memory or in RocksDB, and rows to and from bytes
(rowstore.py).
"""
