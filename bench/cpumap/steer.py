"""The kernel's half: steering rules against the least possible XDP program that redirects to a cpumap."""
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "artifacts", "bin", "SteerBench", "release", "steer-bench.dll")


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def steer_rows(rounds, frames):
    """Rows as of the stage, without a peer where there is none; needs root and two CPUs. The frames are the kernel's
    own (BPF_PROG_RUN, live), made on one CPU and taken by another, in a namespace that is removed again."""
    space = f"nf-bench-{os.getpid()}"
    _ip("netns", "add", space)
    try:
        _ip("-n", space, "link", "add", "nfb0", "type", "veth", "peer", "name", "nfb1")
        for link in ("nfb0", "nfb1"):
            _ip("-n", space, "link", "set", link, "up")
        ifindex = _ip("-n", space, "-o", "link", "show", "nfb0").split(":")[0]
        command = ["ip", "netns", "exec", space, "dotnet", TOOL, ifindex, str(rounds), str(frames)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    finally:
        _ip("netns", "del", space)
