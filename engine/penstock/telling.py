"""What the `penstock` command says: lines on its output, and why it has failed."""

import sys


def tell(line: str) -> None:
    """A line for whoever has given the command."""
    print(line, flush=True)


def fail(message: str) -> int:
    """Why it could not be done; the exit code."""
    print(f"penstock: {message}", file=sys.stderr, flush=True)
    return 1
