"""Kafka as an audit consumer and an operator see it."""

import json

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource


class Record:
    """A copy of one message; value is the parsed JSON, or None when it is not JSON."""

    def __init__(self, message):
        self.topic, self.partition, self.offset = (message.topic(), message.partition(),
                                                   message.offset())
        self.key, self.raw = message.key(), message.value()
        self.headers = {name: (value or b"").decode("utf-8", "replace")
                        for name, value in message.headers() or []}
        self.timestamp_ms = message.timestamp()[1]
        try:
            self.value = json.loads(self.raw)
        except (TypeError, ValueError, RecursionError):
            self.value = None

    @property
    def request_id(self):
        return self.value["data"]["request_id"]

    @property
    def outcome(self):
        return self.value["data"]["outcome"]

    def __repr__(self):
        return f"<{self.topic}/{self.partition}@{self.offset} {self.raw[:200]!r}>"


class Broker:
    """Reads, writes and looks; never as a member of the workers' group."""

    def __init__(self, servers):
        self.servers = servers
        self.admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def topics(self, prefix=""):
        return sorted(name for name in self.admin.list_topics(timeout=15).topics
                      if name.startswith(prefix) and not name.startswith("__"))

    def delete_topics(self, prefix):
        names = self.topics(prefix)
        for future in self.admin.delete_topics(names).values() if names else ():
            future.result(timeout=30)

    def partitions(self, topic):
        return sorted(self.admin.list_topics(topic, timeout=15).topics[topic].partitions)

    def read(self, topic, committed=True, deadline_s=30):
        """Every record of topic up to its end, in the order of partitions and offsets. The end is
        the last stable offset: a transaction that is open hides what comes after it."""
        consumer = Consumer({
            "bootstrap.servers": self.servers, "group.id": "reader", "enable.auto.commit": False,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True, "auto.offset.reset": "earliest"})
        try:
            return self._read(consumer, topic, deadline_s)
        finally:
            consumer.close()

    def _read(self, consumer, topic, deadline_s):
        records, open_partitions = [], set(self.partitions(topic))
        consumer.assign([TopicPartition(topic, p, 0) for p in open_partitions])
        while open_partitions:
            message = consumer.poll(deadline_s)
            if message is None:
                raise AssertionError(f"{topic}: no answer within {deadline_s} s")
            if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            elif message.error():
                raise KafkaException(message.error())
            else:
                records.append(Record(message))
        return sorted(records, key=lambda r: (r.partition, r.offset))

    def produce(self, topic, messages, partition=None):
        """messages: (key, value, headers) each; returns after all were taken. partition: all go
        there, else where their keys belong."""
        failures = []
        place = {} if partition is None else {"partition": partition}
        producer = Producer({"bootstrap.servers": self.servers, "partitioner": "murmur2_random",
                             "linger.ms": 5, "batch.size": 60000})
        for key, value, headers in messages:
            producer.produce(topic, value, key, headers=headers, **place,
                             on_delivery=lambda error, _: error and failures.append(error))
            producer.poll(0)
        left = producer.flush(30)
        assert not failures and left == 0, f"{topic}: {left} not delivered, {failures[:3]}"

    def set_config(self, topic, settings):
        """Settings of one topic, as an operator changes them."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(timeout=30)

    def committed(self, group, topic):
        """{partition: (offset, metadata)} of a group; partitions without a commit are left out.
        The client reads metadata up to a NUL that need not be there: not for long ones."""
        return {p.partition: (p.offset, p.metadata) for p in self._committed(group, topic)}

    def bases(self, group, topic):
        """{partition: committed offset}"""
        return {p.partition: p.offset for p in self._committed(group, topic)}

    def _committed(self, group, topic):
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group,
                             "enable.auto.commit": False})
        try:
            asked = [TopicPartition(topic, p) for p in self.partitions(topic)]
            return [p for p in consumer.committed(asked, 15) if p.offset >= 0]
        finally:
            consumer.close()

    def watermarks(self, topic):
        """{partition: (start, end)} of a topic's logs."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader"})
        try:
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 15)
                    for p in self.partitions(topic)}
        finally:
            consumer.close()

    def trim(self, topic):
        """Deletes every record of a topic; returns how many there were."""
        ends = self.watermarks(topic)
        asked = [TopicPartition(topic, p, high) for p, (low, high) in ends.items() if high > low]
        for future in self.admin.delete_records(asked).values() if asked else ():
            future.result(30)
        return sum(high - low for low, high in ends.values())

    def members(self, group):
        """How many members a consumer group has; None while nobody knows."""
        try:
            return len(self.admin.describe_consumer_groups([group])[group].result(15).members)
        except KafkaException:
            return None

    def delete_group(self, group):
        """Forgets a group and all that it has committed. It must be empty."""
        self.admin.delete_consumer_groups([group])[group].result(30)
