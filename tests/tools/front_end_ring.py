"""Sizes, frames and the split rings of front_end.py's guests."""
import ctypes
import os
import struct

SIZE = 256                      # entries of a ring
WINDOW = 64                     # frames on the way: several times as many fit into the ring of another front-end
BASE, USER = 0x100000, 0x7f0000000000
RING_BYTES, RX_BUFFERS, TX_BUFFERS, RAM_BYTES = 0x8000, 0x20000, 0xa0000, 1 << 20
RX_BYTES, TX_BYTES, HEADER_BYTES, FRAME_BYTES = 2048, 256, 12, 80
DEVICE_READS, DEVICE_WRITES, NEXT = 0, 2, 1
CSUM, VERSION_1, PROTOCOL_FEATURES = 1 << 0, 1 << 32, 1 << 30
REPLY_ACK, INFLIGHT = 1 << 3, 1 << 12
PATIENCE_SECONDS = 20
GUEST = bytes([0x02, 0x4e, 0x46, 0, 0, 2, 0x02, 0x4e, 0x46, 0, 0, 1, 0x88, 0xb5])


def frame(number):
    """Every byte follows from the number, so that the receiver can tell."""
    word = (number * 0x9e3779b97f4a7c15 + 1) & 0xffffffffffffffff
    return GUEST + struct.pack("<Q", number) + struct.pack("<Q", word) * 7 + b"\0\0"


class Ring:
    """A split ring in the guest's memory; single stores go through ctypes, since the other side reads meanwhile."""

    def __init__(self, ram, index):
        self.offset = index * RING_BYTES
        at = self.offset
        self.ram = ram
        self.available_index = ctypes.c_uint16.from_buffer(ram, at + 0x2002)
        self.available = (ctypes.c_uint16 * SIZE).from_buffer(ram, at + 0x2004)
        self.used_index = ctypes.c_uint16.from_buffer(ram, at + 0x3002)
        self.used = (ctypes.c_uint32 * (2 * SIZE)).from_buffer(ram, at + 0x3004)
        self.kick, self.call = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        self.seen, self.look = 0, True

    def addresses(self):
        return USER + self.offset, USER + self.offset + 0x3000, USER + self.offset + 0x2000

    def describe(self, head, address, length, flags=DEVICE_READS, following=0):
        struct.pack_into("<QIHH", self.ram, self.offset + 16 * head, address, length, flags, following)

    def offer(self, head):
        index = self.available_index.value
        self.available[index % SIZE] = head
        self.available_index.value = (index + 1) & 0xffff

    def take(self):
        """Heads that came back since the last time, with the length that the device told; none without a call."""
        try:
            os.eventfd_read(self.call)
        except BlockingIOError:
            if not self.look:
                return
        self.look = False
        while self.seen != self.used_index.value:
            at = 2 * (self.seen % SIZE)
            yield self.used[at], self.used[at + 1]
            self.seen = (self.seen + 1) & 0xffff
