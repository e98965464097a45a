"""What a driver must not do: each takes a front-end of front_end.py and the ring that it sends by."""
import struct

from front_end_ring import BASE, NEXT, RAM_BYTES, SIZE, TX_BUFFERS, frame


def index_ahead(front, ring):
    ring.available_index.value = (ring.available_index.value + SIZE + 1) & 0xffff


def head_outside(front, ring):
    ring.offer(SIZE + 7)


def address_outside(front, ring):
    head = front.free.popleft()
    ring.describe(head, BASE + RAM_BYTES, 100)
    ring.offer(head)


def chain_loops(front, ring):
    head = front.free.popleft()
    ring.describe(head, BASE + TX_BUFFERS, 100, NEXT, head)
    ring.offer(head)


def checksum_outside(front, ring):
    front.to_send += 1
    front.put(frame(front.sent), struct.pack("<BBHHHHH", 1, 0, 0, 0, 0xfff0, 6, 0))


LIES = {f.__name__: f for f in (index_ahead, head_outside, address_outside, chain_loops, checksum_outside)}
