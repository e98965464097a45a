namespace Nf.Linux.Tests.Support;

/// <summary>Takes capabilities from a thread; they belong to threads, so the other tests keep theirs.</summary>
public static unsafe class Capabilities
{
    public const int IpcLock = 14;

    private const uint Version3 = 0x20080522;

    private static int SYS_capget => SYS_capset - 1;

    private static int SYS_capset =>
        System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
            == System.Runtime.InteropServices.Architecture.X64
            ? 126
            : 91;

    /// <summary>Runs something on a thread of its own without one capability, or without any for null.</summary>
    public static void RunWithout(int? capability, Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Drop(capability);
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            throw new InvalidOperationException($"without capabilities: {failure.Message}", failure);
        }
    }

    private static void Drop(int? capability)
    {
        uint* header = stackalloc uint[2] { Version3, 0 };
        uint* sets = stackalloc uint[6]; // effective, permitted, inheritable of 0-31, then of 32-63
        Assert.Equal(0, Libc.syscall6(SYS_capget, (nint)header, (nint)sets, 0, 0, 0, 0));
        for (int word = 0; word < 2; word++)
        {
            uint keep = capability is int one && one / 32 == word ? ~(1u << (one % 32)) : uint.MaxValue;
            sets[word * 3] &= capability is null ? 0 : keep;
        }

        Assert.Equal(0, Libc.syscall6(SYS_capset, (nint)header, (nint)sets, 0, 0, 0, 0));
    }
}
