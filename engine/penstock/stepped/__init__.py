"""Workflow definitions of tasks that follow one another and hand on one context, as WfSpecs."""
