"""The pure core: the model of workflows and the fold over the command log.

Rule 1: no I/O, clock, randomness, environment, logging or threads in this package; a test reads its
imports. Rule 2: everything that changes state is a command or a timer, and goes through
`fold.fold`.
"""
