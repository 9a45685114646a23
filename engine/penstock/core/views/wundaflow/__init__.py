"""Runs and their tasks as workflow runs and task runs that hand on a context (seed 001)."""
