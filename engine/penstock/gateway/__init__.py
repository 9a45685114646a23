"""The gateway: HTTP in front of the engine. Commands in, queries out, and task queues for workers
without Kafka.
"""
