"""Where a request goes, and who has it: keys to partitions, and partitions to workers."""

from confluent_kafka.admin import AdminClient

from waiting import wait_until

MASK = 0xffffffff
M = 0x5bd1e995


def murmur2(data):
    """The hash of Kafka's default partitioner."""
    h = 0x9747b28c ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * M & MASK
        k = (k ^ k >> 24) * M & MASK
        h = (h * M & MASK) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * M & MASK
    h = (h ^ h >> 13) * M & MASK
    return h ^ h >> 15


def partition_of(guid, partitions=12):
    return (murmur2(guid.encode()) & 0x7fffffff) % partitions


def owners(pool):
    """{(topic, partition): worker} as the group has it; {} while it is not settled."""
    admin = AdminClient({"bootstrap.servers": pool.broker.servers, "log_level": 0})
    group, = admin.describe_consumer_groups([pool.env()["REBUILD_KAFKA_GROUP_ID"]]).values()
    workers = {worker.name: worker for worker in pool.workers}
    return {(p.topic, p.partition): workers[member.client_id]
            for member in group.result(30).members
            for p in member.assignment.topic_partitions if member.client_id in workers}


def await_owners(pool, n):
    """Waits until n workers share all partitions; returns owners()."""
    def shared():
        found = owners(pool)
        whole = len(found) == 2 * len(pool.broker.partitions(pool.topic("requests")))
        return found if whole and len({w.name for w in found.values()}) == n else None
    return wait_until(shared, 30, f"{n} workers share the partitions")


def split(pool, rows, owner):
    """The rows whose requests are in the partitions of owner, and the others. owners() says whose
    they are."""
    found = owners(pool)
    topic = pool.topic("requests")
    mine = [r for r in rows if found[topic, partition_of(r["guid"])] is owner]
    return mine, [r for r in rows if r not in mine]
