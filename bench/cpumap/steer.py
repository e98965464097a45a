"""The kernel's half: steering rules against the least possible XDP program that redirects to a cpumap."""
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "artifacts", "bin", "SteerBench", "release", "steer-bench.dll")


def steer_rows(space, rounds, frames):
    """Rows as of the stage, without a peer where there is none; needs root and two CPUs. The frames are the kernel's
    own (BPF_PROG_RUN, live), made on one CPU and taken by another, on nfb0 of the namespace `space`."""
    shown = subprocess.run(
        ["ip", "-n", space, "-o", "link", "show", "nfb0"], check=True, stdout=subprocess.PIPE, text=True)
    ifindex = shown.stdout.split(":")[0]
    command = ["ip", "netns", "exec", space, "dotnet", TOOL, ifindex, str(rounds), str(frames)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
