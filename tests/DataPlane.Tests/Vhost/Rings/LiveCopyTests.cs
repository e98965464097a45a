using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// J14: as a migration does it, another thread copies the guest's memory again and again, each time only the pages that
// the log names, while frames arrive. When both have stopped, one pass more makes the copy the same.
public unsafe class LiveCopyTests
{
    private const int Rounds = 20_000;
    private const ulong Page = 4096, RegionBytes = 4 << 20, BuffersAt = 1 << 20;
    private const uint SlotBytes = 5000, BufferBytes = 4700, Slots = 250;

    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Split | VirtioFeatures.MergeableBuffers)]
    [InlineData(RingLab.Packed)]
    [InlineData(RingLab.Packed | VirtioFeatures.MergeableBuffers)]
    public void Memory_CopiedByTheLogWhileFramesArrive_IsTheSameInTheEnd(ulong features)
    {
        using var lab = new RingLab(features, 256, RegionBytes);
        using var log = new CopyingLog(lab);
        using var stop = new CancellationTokenSource();
        var copier = new Thread(() => log.CopyUntil(stop.Token)) { IsBackground = true };
        copier.Start();
        uint delivered;
        try
        {
            delivered = Deliver(lab, (features & VirtioFeatures.MergeableBuffers) != 0 ? 14_000 : 4_600);
        }
        finally
        {
            stop.Cancel();
            copier.Join();
        }

        Assert.True(delivered == Rounds, $"{delivered} of {Rounds} delivered");
        Assert.True(log.Passes > 10, $"{log.Passes} passes: nothing was copied meanwhile");
        log.Copy();
        Assert.Equal(-1, log.FirstDifference(BuffersAt, RegionBytes - BuffersAt));
        if (!lab.Driver.IsPacked)
        {
            // Only the device writes into the used ring; into the other parts the driver does, and logs it itself.
            ulong used = lab.Driver.UsedAddress - GuestRam.Start;
            Assert.Equal(-1, log.FirstDifference(used, 4 + (8 * (ulong)lab.Driver.Size)));
        }
    }

    // Every buffer that came back is offered again.
    private static uint Deliver(RingLab lab, int longest)
    {
        var free = new Queue<ulong>(
            Enumerable.Range(0, (int)Slots).Select(i => GuestRam.Start + BuffersAt + ((ulong)i * SlotBytes)));
        var slots = new Dictionary<uint, ulong>();
        var random = new Random(14);
        uint delivered = 0;
        for (int round = 0; round < Rounds; round++)
        {
            while (free.TryDequeue(out ulong slot))
            {
                slots[lab.Driver.Add([new Piece(slot, BufferBytes, Writable: true)])] = slot;
            }

            lab.Driver.Publish();
            delivered += lab.Deliver(RingLab.Frame(round, random.Next(60, longest))).TxPackets;
            foreach (Returned used in lab.Driver.TakeAll())
            {
                Assert.True(slots.Remove(used.Id, out ulong slot));
                free.Enqueue(slot);
            }
        }

        return delivered;
    }

    /// <summary>The log of a lab's ring, and a copy of its memory made by it.</summary>
    private sealed class CopyingLog : IDisposable
    {
        private readonly RingLab _lab;
        private readonly FileDescriptor _file;
        private readonly MappedMemory _map;
        private readonly DirtyLog _log;
        private readonly byte[] _copy = new byte[RegionBytes];

        internal CopyingLog(RingLab lab)
        {
            _lab = lab;
            long bytes = (long)((lab.Ram.End / Page / 8) + 8) / 8 * 8;
            _file = MemFile.Create("nf-test-log", bytes, default);
            _map = MappedMemory.Map(_file, 0, bytes, MapAccess.ReadWrite);
            _log = DirtyLog.Map(_file, (ulong)bytes, 0);
            lab.Driver.Log = _log;
            lab.Driver.LogUsed = true;
            lab.Restart();
            Memory(0, RegionBytes).CopyTo(_copy);
        }

        internal int Passes { get; private set; }

        internal void CopyUntil(CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                Copy();
                Passes++;
                Thread.Yield();
            }
        }

        /// <summary>Copies the pages that were written since the last pass; their bits are taken away first.</summary>
        internal void Copy()
        {
            // SAFETY: the mapping is whole words and lives as long as this.
            long* words = (long*)_map.Address;
            for (long word = 0; word < _map.Length / 8; word++)
            {
                ulong bits = Volatile.Read(ref words[word]) == 0 ? 0 : (ulong)Interlocked.Exchange(ref words[word], 0);
                for (; bits != 0; bits &= bits - 1)
                {
                    ulong page = ((ulong)word * 64) + (ulong)System.Numerics.BitOperations.TrailingZeroCount(bits);
                    ulong offset = (page * Page) - GuestRam.Start;
                    Memory(offset, Page).CopyTo(_copy.AsSpan((int)offset));
                }
            }
        }

        /// <summary>Where the copy first differs from the memory; -1 for nowhere.</summary>
        internal int FirstDifference(ulong offset, ulong length)
        {
            ReadOnlySpan<byte> memory = Memory(offset, length), copy = _copy.AsSpan((int)offset, (int)length);
            int same = memory.CommonPrefixLength(copy);
            return same == (int)length ? -1 : same + (int)offset;
        }

        public void Dispose()
        {
            _log.Dispose();
            _map.Dispose();
            _file.Dispose();
        }

        // SAFETY: the lab's region is RegionBytes long.
        private ReadOnlySpan<byte> Memory(ulong offset, ulong length) =>
            new(_lab.Ram.At(GuestRam.Start + offset), (int)length);
    }
}
