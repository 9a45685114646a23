"""Proofs of the core: liveness, crashes, the simulator, the naive model, hostile input, the
matrix, growth."""
