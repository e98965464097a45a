using System.Diagnostics;

namespace Nf.SharedMemory.Tests.Umems;

// Registered memory counts against RLIMIT_MEMLOCK of the user, unless CAP_IPC_LOCK is there; tried from a child process
// that has lost it, under a user number of its own so that nothing else counts.
[Trait("Tier", "kernel")]
public class MemlockKernelTests
{
    private const string Script = """
        import ctypes, errno, mmap, os, resource, socket, struct, time
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 << 20, 8 << 20))
        libc = ctypes.CDLL(None, use_errno=True)
        def register(size):
            memory = mmap.mmap(-1, size)
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            s = socket.socket(44, socket.SOCK_RAW)
            umem = struct.pack("QQIIII", address, size, 2048, 0, 0, 0)
            failed = libc.setsockopt(s.fileno(), 283, 4, umem, len(umem))
            return s, memory, errno.errorcode[ctypes.get_errno()] if failed else "ok"
        print("above", register((8 << 20) + 4096)[2])
        first = register(8 << 20)
        print("all", first[2])
        print("more", register(4096)[2])
        first[0].close()
        deadline = time.monotonic() + 20
        while (again := register(8 << 20))[2] != "ok" and time.monotonic() < deadline:
            again[0].close()
        print("released", again[2])
        """;

    [Fact]
    public async Task Register_WithoutIpcLock_IsBoundedByMemlockAndReleased()
    {
        string[] arguments =
        [
            "--reuid=61234", "--regid=61234", "--clear-groups",
            "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw",
            "--bounding-set=-all,+net_raw", "/usr/bin/python3", "-c", Script,
        ];
        var start = new ProcessStartInfo("setpriv", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        Assert.Equal(["above ENOBUFS", "all ok", "more ENOBUFS", "released ok"], output.TrimEnd().Split('\n'));
    }
}
