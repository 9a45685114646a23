"""Tests of the SDK: tracing, hints, attempts; client and workers against real servers."""
