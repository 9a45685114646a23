"""The processor: batches of partitions (I3), their recovery, ownership, the ticker. It carries; the
core decides.
"""
