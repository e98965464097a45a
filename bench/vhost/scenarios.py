"""What the front-end does in each row, and what the back-end is told to do."""


class Scenario:
    """A row: forwarding mode and ports of the front-end, and how the back-end joins the devices."""

    def __init__(self, key, title, ports, mode, start, joined, counter, sizes=None, burst=32,
                 card="mrg_rxbuf=1,in_order=1", segments=1):
        self.key, self.title = key, title
        self.ports = ports      # vhost-user devices
        self.mode = mode        # testpmd's forwarding mode of the front-end
        self.start = start      # testpmd's command that starts it
        self.joined = joined    # "none": count and drop; "self": loop; "pair": first to second
        self.counter = counter  # "tx" of the first device or "rx" of the last one, as the front-end counts
        self.sizes = sizes
        self.burst = burst
        self.card = card          # virtio-user's options
        self.segments = segments  # buffers of a packet that the guest makes


SCENARIOS = [
    Scenario("guest-host", "guest to host", 1, "txonly", "start", "none", "tx"),
    Scenario("host-guest", "host to guest", 2, "io", "start", "pair", "rx"),
    Scenario("loop", "loop", 1, "io", "start tx_first 16", "self", "rx"),
    Scenario("open-loop", "open loop", 1, "flowgen", "start", "self", "rx"),
    Scenario("pair", "device to device", 2, "io", "start tx_first 8", "pair", "rx"),
    # What the rows above do not meet: several buffers to a packet, both ways, and rings without the features
    # that make it easy. DPDK's driver takes an indirect table where it may, so several buffers are both.
    Scenario("guest-host", "guest to host, 2 buffers", 1, "txonly", "start", "none", "tx", [64, 1500], segments=2),
    Scenario("loop", "loop, 2 buffers, merged", 1, "io", "start tx_first 8", "self", "rx", [3000], segments=2),
    Scenario("loop", "loop, neither mergeable nor in order", 1, "io", "start tx_first 16", "self", "rx", [64, 1500],
             card="mrg_rxbuf=0,in_order=0"),
    # One packet in flight: its rate is the reciprocal of its round trip.
    Scenario("round-trip", "round trip, 1 packet in flight", 1, "io", "start tx_first 1", "self", "rx", [64], 1),
    Scenario("round-trip-8", "round trip, 8 packets in flight", 1, "io", "start tx_first 8", "self", "rx", [64], 1),
]


class Case:
    """A scenario with a ring layout and a frame size."""

    def __init__(self, scenario, layout, size):
        self.scenario, self.layout, self.size = scenario, layout, size
        self.name = f"{scenario.title}, {layout}, {size} B"
