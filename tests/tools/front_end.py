"""vhost-user front-ends whose guest does as it is told: what no real one does on demand.

Reads one JSON object per line from standard input and answers each with one line, {"ok": true, ...} or {"ok": false,
"message": ...}. Between lines it drives its guests. "name" is the front-end's:
  {"do": "open", "path": P, "inflight": true}  connects, and again whenever the back-end ends the connection
  {"do": "send", "count": N}                   as many more numbered frames as that, as fast as the ring takes them
  {"do": "tally"}                              what was sent and given back, what came and how, how often it connected
  {"do": "in_hand", "taken": N, "more": M}     N + M frames in the ring, N of them as if the back-end had them in hand:
                                               it must stand still meanwhile, and nothing else be in the ring
  {"do": "cut", "path": P, "at": N}            connects, and says only half of its message N; "cut" tells whether there
                                               was one. Likewise:
  {"do": "half"}                               the first bytes of a message, and waits until they were read: the
                                               next life of the back-end will end the connection. Those who did it
                                               connect again in the order in which they were opened
  {"do": "disturb"}                            another memory table and other call descriptors under running rings
  {"do": "lie", "how": one of LIES}            what a driver must not do
  {"do": "shrink"}                             takes the memory away under the rings; the front-end is only watched then
  {"do": "close"}                              leaves

A guest looks at a ring only when it was called: one call that is missing, and it waits for ever.
"""
import array
import collections
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import termios
import time

from front_end_lies import LIES
from front_end_ring import (
    BASE, CSUM, DEVICE_WRITES, FRAME_BYTES, GUEST, HEADER_BYTES, INFLIGHT, PATIENCE_SECONDS, PROTOCOL_FEATURES,
    RAM_BYTES, REPLY_ACK, RX_BUFFERS, RX_BYTES, SIZE, TX_BUFFERS, TX_BYTES, USER, VERSION_1, WINDOW, Ring, frame)


class Cut(Exception):
    """Half a message was said, as asked for."""


class FrontEnd:
    def __init__(self, path, inflight):
        self.path, self.wants_inflight = path, inflight
        self.memory = os.memfd_create("nf-front-end")
        os.ftruncate(self.memory, RAM_BYTES)
        self.ram = mmap.mmap(self.memory, RAM_BYTES)
        self.rings = [Ring(self.ram, 0), Ring(self.ram, 1)]
        self.region, self.inflight_file, self.region_bytes = None, None, 0
        self.free = collections.deque(range(SIZE))
        self.to_send = self.sent = self.given_back = self.connections = 0
        self.received = self.duplicated = self.reordered = self.corrupted = 0
        self.highest, self.numbers = -1, bytearray(1 << 16)
        self.alive, self.socket, self.expects_end = True, None, False
        self.cut_at, self.said, self.extra, self.has_extra = -1, 0, os.memfd_create("nf-front-end-more"), False
        os.ftruncate(self.extra, RAM_BYTES)
        for head in range(SIZE):
            self.rings[0].describe(head, BASE + RX_BUFFERS + head * RX_BYTES, RX_BYTES, DEVICE_WRITES)
            self.rings[0].offer(head)

    # --- the connection

    def connect(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(PATIENCE_SECONDS)
                self.socket.connect(self.path)
                self.negotiate()
                break
            except (OSError, EOFError):
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.connections += 1
        self.expects_end = False
        self.wake()

    def say(self, request, payload=b"", files=(), flags=1):
        message = struct.pack("<III", request, flags, len(payload)) + payload
        if self.said == self.cut_at:
            message = message[:len(message) // 2]
        socket.send_fds(self.socket, [message], list(files))
        if self.said == self.cut_at:
            self.wait_until_read()
            raise Cut
        self.said += 1

    def told(self, request):
        head, files, _, _ = socket.recv_fds(self.socket, 12, 8)
        if len(head) < 12:
            raise EOFError(f"request {request}: the back-end has left")
        answer, flags, size = struct.unpack("<III", head)
        body = self.socket.recv(size, socket.MSG_WAITALL) if size else b""
        if answer != request or flags != 5:
            raise ValueError(f"request {request}: answer {answer} with flags {flags}")
        return body, files

    def do(self, request, payload, files=()):
        self.say(request, payload, files, flags=1 | 8)
        body, _ = self.told(request)
        if struct.unpack("<Q", body)[0]:
            raise ValueError(f"request {request} was refused")

    def negotiate(self):
        self.say(1)
        offered = struct.unpack("<Q", self.told(1)[0])[0]
        self.say(3)
        self.say(16, struct.pack("<Q", REPLY_ACK | (INFLIGHT if self.wants_inflight else 0)))
        self.do(2, struct.pack("<Q", offered & (CSUM | VERSION_1 | PROTOCOL_FEATURES)))
        if self.wants_inflight:
            self.share_inflight()
        self.share_memory()
        for index, ring in enumerate(self.rings):
            descriptors, used, available = ring.addresses()
            self.do(8, struct.pack("<II", index, SIZE))
            # As QEMU does: what is not in the used ring was not done.
            self.do(10, struct.pack("<II", index, ring.used_index.value))
            self.do(9, struct.pack("<IIQQQQ", index, 0, descriptors, used, available, 0))
            self.do(13, struct.pack("<Q", index), [ring.call])
            # Before it starts: what is in a ring that runs and is disabled is thrown away.
            self.do(18, struct.pack("<II", index, 1))
            self.do(12, struct.pack("<Q", index), [ring.kick])

    def share_memory(self):
        regions = [(BASE, RAM_BYTES, USER, 0), (BASE + (1 << 30), RAM_BYTES, USER + (1 << 30), 0)][:1 + self.has_extra]
        self.do(5, struct.pack("<II", len(regions), 0) + b"".join(struct.pack("<QQQQ", *r) for r in regions),
                [self.memory, self.extra][:len(regions)])

    def share_inflight(self):
        if self.region is None:
            self.say(31, struct.pack("<QQHHI", 0, 0, 2, SIZE, 0))
            body, files = self.told(31)
            self.region_bytes, offset = struct.unpack_from("<QQ", body)
            if offset:
                raise ValueError("an inflight region that does not begin with its file")
            self.inflight_file = files[0]
            self.region = mmap.mmap(self.inflight_file, self.region_bytes)
        self.do(32, struct.pack("<QQHHI", self.region_bytes, 0, 2, SIZE, 0), [self.inflight_file])

    def watch(self, earlier):
        """Connects again when the back-end has ended the connection, and those before it are served."""
        if self.socket is None:
            if self.alive and not any(front.alive and (front.expects_end or front.socket is None) for front in earlier):
                self.connect()
            return
        if not select.select([self.socket], [], [], 0)[0]:
            return
        try:
            if self.socket.recv(4096):
                raise ValueError("a message that nobody asked for")
        except ConnectionError:
            pass
        self.socket.close()
        self.socket = None

    # --- the guest

    def wake(self):
        for ring in self.rings:
            ring.look = True
            os.eventfd_write(ring.kick, 1)

    def step(self, earlier):
        """One turn of the guest; whether anything moved."""
        self.watch(earlier)
        return self.alive and (self.receive() | self.reclaim() | self.transmit())

    def receive(self):
        ring, came = self.rings[0], False
        for head, length in ring.take():
            came = True
            at = RX_BUFFERS + head * RX_BYTES + HEADER_BYTES
            data = self.ram[at:at + length - HEADER_BYTES]
            self.judge(data)
            ring.offer(head)
        if came:
            os.eventfd_write(ring.kick, 1)
        return came

    def judge(self, data):
        number = struct.unpack_from("<Q", data, len(GUEST))[0] if len(data) == FRAME_BYTES else -1
        if number < 0 or data != frame(number):
            self.corrupted += 1
            return
        if number >= len(self.numbers):
            self.numbers.extend(bytes(2 * number))
        self.received += 1
        if self.numbers[number]:
            self.duplicated += 1
        elif number < self.highest:
            self.reordered += 1
        self.numbers[number] = 1
        self.highest = max(self.highest, number)

    def reclaim(self):
        before = self.given_back
        for head, _ in self.rings[1].take():
            self.free.append(head)
            self.given_back += 1
        return self.given_back != before

    def transmit(self, count=32):
        count = min(count, self.to_send, len(self.free), WINDOW - self.sent + self.given_back)
        for _ in range(count):
            self.put(frame(self.sent))
        if count:
            os.eventfd_write(self.rings[1].kick, 1)
        return count > 0

    def put(self, data, header=bytes(HEADER_BYTES)):
        head = self.free.popleft()
        at = TX_BUFFERS + head * TX_BYTES
        self.ram[at:at + HEADER_BYTES + len(data)] = header + data
        self.rings[1].describe(head, BASE + at, HEADER_BYTES + len(data))
        self.rings[1].offer(head)
        self.sent, self.to_send = self.sent + 1, self.to_send - 1
        return head

    # --- what it is told

    def tally(self):
        return {"sent": self.sent, "given_back": self.given_back, "to_send": self.to_send, "received": self.received,
                "unique": self.received - self.duplicated, "duplicated": self.duplicated,
                "reordered": self.reordered, "corrupted": self.corrupted, "connections": self.connections}

    def in_hand(self, taken, more):
        self.reclaim()
        ring, part = self.rings[1], self.region_bytes // 2
        used = struct.unpack_from("<H", self.region, part + 14)[0]
        if not ring.available_index.value == ring.used_index.value == used:
            raise ValueError(f"{ring.available_index.value} available, {ring.used_index.value} and {used} used")
        self.to_send += taken + more
        heads = [self.put(frame(self.sent)) for _ in range(taken + more)]
        for order, head in enumerate(heads[:taken]):
            at = part + 16 + 16 * head
            struct.pack_into("<Q", self.region, at + 8, (1 << 32) + order)
            self.region[at] = 1

    def half(self):
        self.socket.sendall(struct.pack("<III", 1, 1, 0)[:5])
        self.wait_until_read()

    def wait_until_read(self):
        self.expects_end = True
        deadline = time.monotonic() + PATIENCE_SECONDS
        unread = array.array("i", [1])
        while unread[0]:
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, unread)
            if time.monotonic() > deadline:
                raise TimeoutError("nobody reads the connection")

    def cut(self, at):
        """Whether there was a message to cut."""
        self.cut_at = at
        try:
            self.connect()
            return False
        except Cut:
            return True
        finally:
            self.cut_at = -1

    def disturb(self):
        self.has_extra = not self.has_extra
        self.share_memory()
        for index, ring in enumerate(self.rings):
            old, ring.call = ring.call, os.eventfd(0, os.EFD_NONBLOCK)
            self.do(13, struct.pack("<Q", index), [ring.call])
            os.close(old)

    def close(self):
        self.socket.close()
        for ring in self.rings:
            os.close(ring.kick)
            os.close(ring.call)
        os.close(self.memory)
        os.close(self.extra)

    def lie(self, how):
        LIES[how](self, self.rings[1])
        self.wake()

    def shrink(self):
        self.alive = False
        os.ftruncate(self.memory, 0)
        self.wake()


def answer(fronts, line):
    what = line["do"]
    if what == "open":
        front = fronts[line["name"]] = FrontEnd(line["path"], line.get("inflight", False))
        front.connect()
        return {}
    if what == "cut":
        front = fronts[line["name"]] = FrontEnd(line["path"], True)
        return {"cut": front.cut(line["at"])}
    front = fronts[line["name"]]
    if what == "close":
        fronts.pop(line["name"]).close()
    elif what == "send":
        front.to_send += line["count"]
    elif what == "tally":
        return front.tally()
    elif what == "in_hand":
        front.in_hand(line["taken"], line["more"])
    elif what == "lie":
        front.lie(line["how"])
    elif what in ("half", "shrink", "disturb"):
        getattr(front, what)()
    else:
        raise ValueError(f"what is {what}?")
    return {}


def main():
    fronts, text = {}, b""
    print("ready", flush=True)
    while True:
        moved = False
        all_of_them = list(fronts.values())
        for i, front in enumerate(all_of_them):
            moved |= front.step(all_of_them[:i])
        if not select.select([0], [], [], 0 if moved else 0.001)[0]:
            continue
        some = os.read(0, 4096)
        if not some:
            return
        text += some
        while b"\n" in text:
            line, text = text.split(b"\n", 1)
            try:
                result = {"ok": True, **answer(fronts, json.loads(line))}
            except Exception as error:
                result = {"ok": False, "message": f"{type(error).__name__}: {error}"}
            print(json.dumps(result), flush=True)


main()
