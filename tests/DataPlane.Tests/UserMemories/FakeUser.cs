using System.Diagnostics;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>Works in a memory until told to stop; plays the device.</summary>
internal sealed class FakeUser : IMemoryUser
{
    /// <summary>What stopping takes, besides noting it.</summary>
    internal Action<UserMemory>? OnLetGo { get; init; }

    /// <summary>What the device says instead of stopping.</summary>
    internal Errno Refusal { get; set; }

    /// <summary>When it stopped, in nanoseconds of the monotonic clock; 0 while it works.</summary>
    internal long StoppedAt { get; private set; }

    internal int Stops { get; private set; }

    public void LetGo(UserMemory memory)
    {
        OnLetGo?.Invoke(memory);
        if (Refusal != Errno.None)
        {
            throw new LinuxException("quiesce", Refusal);
        }

        Stops++;

        // The same clock as the client's on Linux.
        StoppedAt = Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000_000);
    }
}
