"""Flows: workflows written in YAML, the way Kestra's users write them, compiled to WfSpecs."""
