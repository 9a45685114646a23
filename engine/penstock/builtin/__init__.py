"""The engine's own tasks, and the worker that runs them: one like any other, made with the SDK."""
