"""A small HTTP/1.1 client on asyncio that times what load tests ask for.

The head of a request is written before its body, so that the time from complete headers to the first
byte of a reply is known, also of a refusal that comes while the body is still on its way.
"""

import asyncio
import json
import socket
import time


class Reply:
    """What came back: status 0 where the connection ended first."""

    __slots__ = ("status", "headers", "body", "headers_sent_s", "first_byte_s", "end_s")

    def __init__(self):
        self.status, self.headers, self.body = 0, {}, b""
        self.headers_sent_s = self.first_byte_s = self.end_s = 0.0

    def json(self):
        return json.loads(self.body)

    def code(self):
        """The problem's code, or None."""
        if "problem+json" not in self.headers.get("content-type", ""):
            return None
        return self.json().get("code")

    def first_byte_ms(self):
        return (self.first_byte_s - self.headers_sent_s) * 1000

    def total_ms(self):
        return (self.end_s - self.headers_sent_s) * 1000


class Connection(asyncio.Protocol):
    """One connection; one request at a time. Replies must have a Content-Length."""

    def __init__(self):
        self.transport = None
        self.buffer = bytearray()
        self.reply = None
        self.done = None
        self.closed = False
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _error):
        self.closed = True
        self.writable.set()
        self._finish()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def data_received(self, data):
        if self.reply is None:
            return
        if not self.reply.first_byte_s:
            self.reply.first_byte_s = time.monotonic()
        self.buffer += data
        self._parse()

    def _parse(self):
        if not self.reply.status:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            self.reply.status = int(lines[0].split()[1])
            pairs = (line.split(":", 1) for line in lines[1:])
            self.reply.headers = {name.lower(): value.strip() for name, value in pairs}
            del self.buffer[:end + 4]
        wanted = int(self.reply.headers.get("content-length", 0))
        if len(self.buffer) >= wanted:
            self.reply.body = bytes(self.buffer[:wanted])
            del self.buffer[:wanted]
            self._finish()

    def _finish(self):
        if self.done and not self.done.done():
            self.reply.end_s = time.monotonic()
            self.done.set_result(self.reply)

    def begin(self, head):
        """Writes the head; the reply is awaited by `finish`."""
        self.reply, self.buffer = Reply(), bytearray()
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(head)
        self.reply.headers_sent_s = time.monotonic()

    async def send(self, data, rate=0, piece_bytes=1 << 18):
        """Writes a body, at `rate` bytes a second where that is given; stops once a reply is there."""
        for begin in range(0, len(data), piece_bytes):
            if self.closed or self.done.done():
                return
            self.transport.write(data[begin:begin + piece_bytes])
            await self.writable.wait()
            if rate:
                await asyncio.sleep(piece_bytes / rate)

    async def finish(self, timeout_s):
        """The reply; one with status 0 where none came in time."""
        try:
            return await asyncio.wait_for(asyncio.shield(self.done), timeout_s)
        except asyncio.TimeoutError:
            self.abort()
            return self.reply

    def reusable(self):
        return (not self.closed and self.reply is not None and self.reply.status
                and self.reply.headers.get("connection", "").lower() != "close"
                and not self.transport.get_write_buffer_size())

    def close(self):
        if self.transport:
            self.transport.close()

    def abort(self):
        """Leaves at once, by a reset where bytes are unsent."""
        if self.transport:
            self.transport.abort()


def has_bytes(ends):
    """Whether bytes wait to be read."""
    try:
        return bool(ends.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False
    except OSError:
        return True


def request_head(method, target, host, body_bytes=None, content_type=None, headers=()):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if body_bytes is not None:
        lines.append(f"Content-Length: {body_bytes}")
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Client:
    """Keeps connections to one server alive and hands them out."""

    def __init__(self, address):
        self.address = address
        self.host = f"{address[0]}:{address[1]}"
        self.idle = []

    async def connect(self):
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, *self.address)
        return connection

    async def connect_slow_reader(self, window_bytes=4096):
        """A connection that reads nothing until `transport.resume_reading()`, and its socket: a long
        reply stays in the server. `has_bytes(socket)` says whether one has begun."""
        slow = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
        # Small segments: by loopback's large ones the server's kernel would take megabytes at once.
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, self.address)
        _, connection = await loop.create_connection(Connection, sock=slow)
        connection.transport.pause_reading()
        return connection, slow

    async def take(self):
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed:
                return connection
        return await self.connect()

    def give(self, connection):
        if connection.reusable():
            self.idle.append(connection)
        else:
            connection.close()

    async def request(self, method, target, body=None, content_type=None, timeout_s=120, rate=0,
                      headers=()):
        """One request on a kept connection. A refused or broken connection is a reply of status 0."""
        try:
            connection = await self.take()
        except OSError:
            return Reply()
        size = None if body is None else len(body)
        connection.begin(request_head(method, target, self.host, size, content_type, headers))
        if body:
            await connection.send(body, rate)
        reply = await connection.finish(timeout_s)
        self.give(connection)
        return reply

    def close(self):
        for connection in self.idle:
            connection.close()
        self.idle.clear()
