"""A provider of frames: HTTP/2 as a server that does what a test says, in the clear or with TLS.

Python's standard library only. The fields of requests are not decoded (that needs HPACK's tables);
which answer is played, the model's name in the body says, as with world.Provider.
"""

import json
import socket
import struct
import threading

from world import WHOLE

DATA, HEADERS, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NO_ERROR, REFUSED, CANCEL = 0, 7, 8
MAX_STREAMS, INITIAL_WINDOW = 3, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream_id, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream_id) + payload


def field(name, value):
    """A literal without an index and without Huffman's code (RFC 7541, 6.2.2)."""
    def text(t):
        n = len(t)
        if n < 127:
            return bytes([n]) + t
        out, n = bytearray([127]), n - 127
        while n >= 128:
            out.append(n % 128 + 128)
            n //= 128
        return bytes(out) + bytes([n]) + t
    return b"\0" + text(name.encode()) + text(value.encode())


def fields(*pairs):
    return b"".join(field(n, v) for n, v in pairs)


def setting(number, value):
    return struct.pack(">HI", number, value)


class Connection:
    def __init__(self, provider, s):
        self.provider, self.s = provider, s
        self.lock = threading.Lock()
        self.window = threading.Condition()
        self.windows = {0: 65535}
        self.initial = 65535
        self.bodies = {}
        self.reset = {}  # stream: error code, by the client
        self.goaway = None  # the client's error code
        self.buffer = b""
        self.mute = False  # answers no PING
        self.closed = False

    def send(self, data):
        with self.lock:
            self.s.sendall(data)

    def frames(self):
        while True:
            while len(self.buffer) >= 9:
                n = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + n:
                    break
                head, payload = self.buffer[:9], self.buffer[9:9 + n]
                self.buffer = self.buffer[9 + n:]
                yield head[3], head[4], int.from_bytes(head[5:9], "big"), payload
            piece = self.s.recv(1 << 16)
            if not piece:
                return
            self.buffer += piece

    # ---- answers ----

    def head(self, stream_id, *more, status="200", kind="application/json", end=False):
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream_id,
                        fields((":status", status), ("content-type", kind), *more)))

    def data(self, stream_id, data, end=False):
        """As the client's windows allow; False once the stream is over."""
        while True:
            with self.window:
                while data and min(self.windows[0], self.windows[stream_id]) <= 0:
                    if stream_id in self.reset or not self.window.wait(10):
                        return False
                n = min(len(data), 16384, self.windows[0], self.windows[stream_id])
                self.windows[0] -= n
                self.windows[stream_id] -= n
            if stream_id in self.reset:
                return False
            piece, data = data[:n], data[n:]
            last = not data
            self.send(frame(DATA, END_STREAM if end and last else 0, stream_id, piece))
            if last:
                return True

    def whole(self, stream_id, body=WHOLE, status="200", headers=()):
        self.head(stream_id, ("content-length", str(len(body))), *headers, status=status)
        return self.data(stream_id, body, True)

    def refuse(self, stream_id, code):
        self.send(frame(RST, 0, stream_id, struct.pack(">I", code)))

    def go_away(self, last_id, code=NO_ERROR):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last_id, code)))

    # ---- what comes ----

    def take(self, kind, flags, stream_id, payload):
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                number, value = struct.unpack(">HI", payload[at:at + 6])
                if number == INITIAL_WINDOW:
                    self.initial = value
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK and not self.mute:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == WINDOW:
            with self.window:
                self.windows[stream_id] = (self.windows.get(stream_id, self.initial)
                                           + int.from_bytes(payload, "big"))
                self.window.notify_all()
        elif kind == RST:
            self.reset[stream_id] = int.from_bytes(payload, "big")
            with self.window:
                self.window.notify_all()
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == HEADERS:
            self.windows.setdefault(stream_id, self.initial)
            self.bodies[stream_id] = b""
            self.provider.opened(self, stream_id)
        elif kind == DATA:
            self.bodies[stream_id] += payload
            if payload and self.provider.opens:
                n = struct.pack(">I", len(payload))
                self.send(frame(WINDOW, 0, 0, n) + frame(WINDOW, 0, stream_id, n))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            threading.Thread(target=self.provider.serve, daemon=True,
                             args=(self, stream_id, self.bodies[stream_id])).start()


class Http2Provider:
    """`answers[model](connection, stream_id, body, n)` is called with the n-th request."""

    def __init__(self, settings=b"", context=None):
        self.settings, self.context = settings, context
        self.opens = True  # the window of a request's body
        self.answers, self.counts, self.connections = {}, {}, []
        self.opened = lambda connection, stream_id: None
        self.at_once, self.most_at_once = 0, 0
        self.lock = threading.Lock()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            s, _ = self.socket.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(s,), daemon=True).start()

    def _talk(self, s):
        c = None
        try:
            if self.context:
                s = self.context.wrap_socket(s, server_side=True)
            c = Connection(self, s)
            while len(c.buffer) < len(PREFACE):
                piece = s.recv(1 << 16)
                if not piece:
                    return
                c.buffer += piece
            assert c.buffer.startswith(PREFACE), c.buffer
            c.buffer = c.buffer[len(PREFACE):]
            self.connections.append(c)
            c.send(frame(SETTINGS, 0, 0, self.settings))
            for one in c.frames():
                c.take(*one)
        except OSError:
            pass
        finally:
            s.close()
            if c:
                c.closed = True

    def serve(self, connection, stream_id, body):
        try:
            model = json.loads(body).get("model", "")
        except ValueError:
            model = ""
        with self.lock:
            self.counts[model] = self.counts.get(model, 0) + 1
            n = self.counts[model]
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.answers.get(model, lambda c, i, b, n: c.whole(i))
            answer(connection, stream_id, body, n)
        except OSError:
            pass
        finally:
            with self.lock:
                self.at_once -= 1
