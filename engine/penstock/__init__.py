"""Penstock: a durable workflow engine on Apache Kafka."""
