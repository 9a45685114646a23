"""Runs and node runs as executions and task runs (seed 003)."""
