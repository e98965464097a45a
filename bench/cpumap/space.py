"""A network namespace with a veth pair, nfb0 and nfb1, both up."""
import contextlib
import os
import subprocess


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def namespace():
    """Its name; it is gone at the end."""
    space = f"nf-bench-{os.getpid()}"
    _ip("netns", "add", space)
    try:
        _ip("-n", space, "link", "add", "nfb0", "type", "veth", "peer", "name", "nfb1")
        for link in ("nfb0", "nfb1"):
            _ip("-n", space, "link", "set", link, "up")
        yield space
    finally:
        _ip("netns", "del", space)
