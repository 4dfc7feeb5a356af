"""A proxy before the one broker of the tests. It knows no more of Kafka than how requests and
answers are framed, and which of them ends a transaction. Clients stay with it: wherever an answer
gives the broker's address, it gives its own, which is as long."""

import contextlib
import socket
import struct
import threading

HOST = b"127.0.0.1"
END_TXN = 26
HEADER = struct.Struct(">hhi")  # api key, api version, correlation id
END_TXN_ANSWER = struct.Struct(">iih")  # correlation id, throttle time, error; up to version 2
INVALID_TXN_STATE = 48


def read_exactly(connection, n):
    """None: it was closed."""
    data = bytearray()
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def read_frame(connection):
    """One request or answer without its length; None: closed."""
    length = read_exactly(connection, 4)
    return None if length is None else read_exactly(connection, struct.unpack(">i", length)[0])


def send_frame(connection, frame):
    connection.sendall(struct.pack(">i", len(frame)) + frame)


class Link:
    """One client's connection, and the one to the broker that belongs to it."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.broker = socket.create_connection(("127.0.0.1", proxy.broker_port))
        self.lost, self.lied_about = set(), set()  # correlation ids of answers
        for carry in (self.requests, self.answers):
            threading.Thread(target=self.run, args=[carry], daemon=True).start()

    def run(self, carry):
        with contextlib.suppress(OSError):
            carry()
        self.close()

    def close(self):
        for end in (self.client, self.broker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def requests(self):
        while (frame := read_frame(self.client)) is not None:
            key, _, correlation = HEADER.unpack_from(frame)
            if key == END_TXN:
                fate = self.proxy.fate()
                if fate == "request":
                    return
                if fate == "answer":
                    self.lost.add(correlation)
                if fate == "truth":
                    self.lied_about.add(correlation)
            send_frame(self.broker, frame)

    def answers(self):
        while (frame := read_frame(self.broker)) is not None:
            correlation, = struct.unpack_from(">i", frame)
            if correlation in self.lost:
                return
            if correlation in self.lied_about:
                frame = END_TXN_ANSWER.pack(correlation, 0, INVALID_TXN_STATE)
            send_frame(self.client, frame.replace(self.proxy.theirs, self.proxy.ours))


class KafkaProxy:
    """swallow() says what becomes of the next requests that end a transaction. "request": the
    client's connection breaks before the broker knows. "answer": it breaks after the broker has
    done it. "truth": the broker has done it, and the answer is an error that says otherwise."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.theirs, self.ours = (HOST + struct.pack(">i", p) for p in (broker_port, self.port))
        self.lock = threading.Lock()
        self.what, self.left, self.count = None, 0, 0
        self.links = []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def servers(self):
        return f"127.0.0.1:{self.port}"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    self.links.append(Link(self, client))
                except OSError:
                    client.close()

    def swallow(self, what, times=1):
        """Until it has happened so often, or until swallow(None)."""
        with self.lock:
            self.what, self.left = what, 0 if what is None else times

    def fate(self):
        with self.lock:
            if self.left == 0:
                return None
            self.left -= 1
            self.count += 1
            return self.what

    def close(self):
        self.listener.close()
        for link in self.links:
            link.close()
