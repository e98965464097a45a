"""The user-space stage: one thread that does all against two that share the work, on rings without a kernel."""
import os
import shutil
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _program():
    """The lab's process of the build output: it plays the kernel's side of the rings itself."""
    path = os.path.join(ROOT, "artifacts", "bin", "ForwarderLife", "release", "forwarder-life.dll")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: not built (dotnet build -c Release tests/tools/ForwarderLife)")
    return ["dotnet", path]


def _run(milliseconds):
    parent = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="nf-stage-", dir=parent)
    try:
        # Its standard input stays open: it ends when that is closed.
        process = subprocess.Popen(
            [*_program(), "stage", folder, str(milliseconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        output = process.stdout.read()
        process.stdin.close()
        if process.wait() != 0:
            raise RuntimeError("forwarder-life stage failed")
        return [[float(word) for word in line.split()] for line in output.splitlines()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stage_rows(rounds, milliseconds):
    """Rows `row, unit, ours, peer, ratio`: ours are two threads with a queue between, the peer is one."""
    runs = [_run(milliseconds) for _ in range(rounds)]
    rows = []
    for results in zip(*runs):
        filters = int(results[0][0])
        one = statistics.median(result[1] for result in results)
        two = statistics.median(result[2] for result in results)
        rows.append({"row": f"user-space stage, {filters} filters", "unit": "Mpps", "ours": two / 1e6,
                     "peer": one / 1e6, "ratio": two / one})
    return rows
