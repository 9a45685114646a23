"""What operators see of a process: counts, log lines and traces. Nothing here changes a row, and
nothing that is not asked for is imported.
"""
