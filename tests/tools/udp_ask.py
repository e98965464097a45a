"""Sends numbered UDP packets and counts those that come back as they were sent: ADDRESS PORT COUNT PAUSE_US."""
import json
import os
import select
import socket
import sys
import time

address, port, count, pause_us = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
SILENCE_S = 10.0

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
sock.connect((address, port))
sock.setblocking(False)
pending = {}
back = 0
doubled = 0


def read(timeout):
    global back, doubled
    if not select.select([sock], [], [], timeout)[0]:
        return False
    try:
        packet = sock.recv(2048)
    except (BlockingIOError, ConnectionRefusedError):
        return True
    if pending.pop(int.from_bytes(packet[:4], "big"), None) == packet:
        back += 1
    else:
        doubled += 1
    return True


for number in range(count):
    packet = number.to_bytes(4, "big") + os.urandom(number % 1400)
    pending[number] = packet
    try:
        sock.send(packet)
    except ConnectionRefusedError:
        pass
    while read(0):
        pass
    if pause_us:
        time.sleep(pause_us / 1e6)
while pending and read(SILENCE_S):
    pass
print(json.dumps({"sent": count, "back": back, "doubled": doubled}))
