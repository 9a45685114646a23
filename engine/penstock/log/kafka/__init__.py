"""The log on Apache Kafka. confluent_kafka is imported in this package only."""

from penstock.log.kafka.consume import KafkaConsumer
from penstock.log.kafka.engine import KafkaEngineLog
from penstock.log.kafka.owners import KafkaOwners, member_name
from penstock.log.kafka.produce import KafkaProducer
from penstock.log.kafka.tail import KafkaTail

__all__ = [
    "KafkaConsumer",
    "KafkaEngineLog",
    "KafkaOwners",
    "KafkaProducer",
    "KafkaTail",
    "member_name",
]
