using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

public sealed unsafe class PackedInflightTests : IDisposable
{
    private const uint Size = 8;
    private readonly FileDescriptor _file;
    private readonly byte[] _ring = GC.AllocateArray<byte>((int)Size * 16, pinned: true);
    private InflightRegion _region;
    private PackedInflightQueue _queue;

    public PackedInflightTests()
    {
        _region = InflightRegion.Create(1, Size, packed: true);
        _file = _region.File.Duplicate();
        _queue = (PackedInflightQueue)_region.Queue(0)!;
        for (int i = 0; i < Size; i++)
        {
            SetFlags(i, 0x80);
        }

        Assert.Empty(Recover(0, true).Chains);
    }

    public void Dispose()
    {
        _region.Dispose();
        _file.Dispose();
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(5, false)]
    [InlineData(7, true)]
    public void Recover_Virgin_GoesOnAtTheBase(ushort position, bool wrap)
    {
        _queue.Forget();
        Next();
        PackedRecovery recovery = Recover(position, wrap);
        Assert.Equal((position, wrap), (recovery.UsedPosition, recovery.UsedWrap));

        // From now on the region knows better than a base.
        Next();
        recovery = Recover(0, true);
        Assert.Equal((position, wrap), (recovery.UsedPosition, recovery.UsedWrap));
    }

    [Fact]
    public void Recover_Fetched_GivesEveryDescriptorBack()
    {
        _queue.Fetch([Descriptor(1)]);
        _queue.Fetch([Descriptor(2), Descriptor(3), Descriptor(4)]);
        Next();
        PackedRecovery recovery = Recover();
        Assert.Equal((0, true), (recovery.UsedPosition, recovery.UsedWrap));
        Assert.Equal([[Descriptor(1)], [Descriptor(2), Descriptor(3), Descriptor(4)]],
            recovery.Chains.Select(chain => chain.Descriptors));
    }

    [Fact]
    public void Recover_Committed_GoesOnBehind()
    {
        ushort first = _queue.Fetch([Descriptor(1)]);
        ushort second = _queue.Fetch([Descriptor(2), Descriptor(3), Descriptor(4)]);
        _queue.Fetch([Descriptor(5)]);
        Finish(first, second);
        _queue.Commit();
        Next();
        PackedRecovery recovery = Recover();
        Assert.Equal((4, true), (recovery.UsedPosition, recovery.UsedWrap));
        Assert.Equal([Descriptor(5)], Assert.Single(recovery.Chains).Descriptors);
    }

    // Killed after the batch was put together: the flags of its first used descriptor decide.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recover_FinishedNotCommitted_RingDecides(bool published)
    {
        ushort first = _queue.Fetch([Descriptor(1)]);
        ushort second = _queue.Fetch([Descriptor(2), Descriptor(3)]);
        _queue.Fetch([Descriptor(4)]);
        Finish(second, first);
        if (published)
        {
            SetFlags(0, 0x8080);
        }

        Next();
        PackedRecovery recovery = Recover();
        Assert.Equal((published ? 3 : 0, true), (recovery.UsedPosition, recovery.UsedWrap));
        Assert.Equal(published ? [4] : [1, 2, 4], Numbers(recovery));
    }

    // Position and wrap counter come round when a batch is the whole ring: only the wrap counter tells.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recover_BatchOfTheWholeRing_RingDecides(bool published)
    {
        ushort[] entries = [.. Enumerable.Range(0, (int)Size).Select(i => _queue.Fetch([Descriptor(i)]))];
        Finish(entries);
        if (published)
        {
            SetFlags(0, 0x8080);
        }

        Next();
        PackedRecovery recovery = Recover();
        Assert.Equal((0, !published), (recovery.UsedPosition, recovery.UsedWrap));
        Assert.Equal(published ? 0 : (int)Size, recovery.Chains.Count);
    }

    // Rings may be smaller than the region and of any size; many laps, out of order.
    [Theory]
    [InlineData(8)]
    [InlineData(7)]
    [InlineData(3)]
    [InlineData(1)]
    public void Recover_AfterManyLaps_IsRight(uint ringSize)
    {
        _queue.Forget();
        Next();
        Recover(0, true, ringSize);
        var random = new Random((int)ringSize);
        var inHand = new List<(ushort Entry, int Number, int Length)>();
        uint position = 0;
        bool wrap = true;
        for (int step = 0; step < 3000; step++)
        {
            int room = (int)ringSize - inHand.Sum(chain => chain.Length);
            if (room > 0 && random.Next(2) == 0)
            {
                int length = random.Next(1, room + 1);
                InflightDescriptor[] chain = [.. Enumerable.Range(step, length).Select(Descriptor)];
                inHand.Add((_queue.Fetch(chain), step, length));
            }
            else if (inHand.Count > 0)
            {
                (ushort entry, _, int length) = inHand[random.Next(inHand.Count)];
                inHand.RemoveAll(chain => chain.Entry == entry);
                Finish(entry);
                _queue.Commit();
                position += (uint)length;
                wrap ^= position >= ringSize;
                position %= ringSize;
            }

            if (step % 7 == 0)
            {
                Next();
                PackedRecovery recovery = Recover(0, true, ringSize);
                Assert.Equal(((ushort)position, wrap), (recovery.UsedPosition, recovery.UsedWrap));
                Assert.Equal(inHand.Select(chain => chain.Number), Numbers(recovery));
                Assert.Equal(inHand.Select(chain => chain.Entry), recovery.Chains.Select(chain => chain.Entry));
                Assert.Equal(inHand.Select(chain => chain.Length), recovery.Chains.Select(c => c.Descriptors.Length));
                Assert.Equal(0u, _queue.Corrections);
            }
        }
    }

    [Fact]
    public void Fetch_WhatCannotBe_IsRefused()
    {
        Assert.Throws<InvalidOperationException>(() => _queue.Fetch([]));
        ushort entry = _queue.Fetch([.. Enumerable.Range(0, (int)Size).Select(Descriptor)]);
        Assert.Throws<InvalidOperationException>(() => _queue.Fetch([Descriptor(1)]));
        _queue.Finish(entry);
        Assert.Throws<InvalidOperationException>(() => _queue.Fetch([Descriptor(1)]));
    }

    // Layout, byte by byte, as another back-end would read it.
    [Fact]
    public void Contents_AfterSteps_AreThoseOfTheSpecification()
    {
        ushort first = _queue.Fetch([Descriptor(1)]);
        _queue.Fetch([Descriptor(2), Descriptor(3)]);
        Finish(first);
        byte[] bytes = Contents();
        Assert.Equal(
            [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 3, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            bytes[..32]);
        _queue.Commit();
        bytes = Contents();
        Assert.Equal(
            [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            bytes[..32]);
        byte[] second = bytes[64..96];
        Assert.Equal([1, 0, 2, 0, 2, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0], second[..18]);
        Assert.Equal(Descriptor(2).Flags, BitConverter.ToUInt16(second, 18));
        Assert.Equal(Descriptor(2).Length, BitConverter.ToUInt32(second, 20));
        Assert.Equal(Descriptor(2).Address, BitConverter.ToUInt64(second, 24));
    }

    // A guest that starts anew begins at its first descriptor; a region that knows better must not hold it back.
    [Fact]
    public void Forget_NothingInHand_GoesOnAtTheNextBase()
    {
        Finish(_queue.Fetch([Descriptor(1), Descriptor(2)]));
        _queue.Commit();
        _queue.Forget();
        Assert.Equal((0, true), (Recover(0, true).UsedPosition, Recover(0, true).UsedWrap));
        ushort entry = _queue.Fetch([Descriptor(1), Descriptor(2)]);
        _queue.Forget();
        Finish(entry);
        _queue.Commit();
        Next();
        _queue.Forget();
        Assert.Equal(2, Recover(0, true).UsedPosition);
    }

    // K06: whatever the region says, recovery ends, stays inside, and leaves something that works.
    [Fact]
    public void Recover_AnyContents_IsBounded()
    {
        var random = new Random(2);
        byte[] bytes = new byte[_region.SizeBytes];
        uint corrections = 0;
        for (int i = 0; i < 5000; i++)
        {
            random.NextBytes(bytes);
            if (i % 4 != 0)
            {
                // Indexes that are mostly plausible go deeper than random ones.
                for (int at = 12; at + 2 <= bytes.Length; at += 2)
                {
                    bytes[at] = (byte)random.Next(i % 4 == 1 ? 10 : 3);
                    bytes[at + 1] = 0;
                }
            }

            (bytes[8], bytes[9], bytes[10], bytes[11]) = (1, 0, (byte)Size, 0);
            _file.WriteAt(bytes, 0);
            uint ringSize = i % 3 == 0 ? 5u : Size;
            Next();
            PackedRecovery recovery = Recover(0, true, ringSize);
            corrections += _queue.Corrections;
            Assert.InRange(recovery.UsedPosition, 0, (int)ringSize - 1);
            int inHand = recovery.Chains.Sum(chain => chain.Descriptors.Length);
            Assert.InRange(inHand, 0, (int)ringSize);
            Assert.Equal(recovery.Chains.Count, recovery.Chains.Select(chain => chain.Entry).Distinct().Count());

            // What it says now holds for the next one, and everything in hand can be given back.
            Next();
            PackedRecovery again = Recover(0, true, ringSize);
            Assert.Equal(0u, _queue.Corrections);
            Assert.Equal(
                recovery.Chains.Select(chain => chain.Entry).Order(), again.Chains.Select(c => c.Entry).Order());
            Finish([.. again.Chains.Select(chain => chain.Entry)]);
            _queue.Commit();
            Assert.Equal((int)Size, Enumerable.Range(0, (int)Size).Select(n => _queue.Fetch([Descriptor(n)])).Distinct()
                .Count());
        }

        Assert.True(corrections > 300, $"{corrections} corrections only");
    }

    [Fact]
    public void Recover_LargestRegionFullOfHeads_TakesNoTime()
    {
        using InflightRegion region = InflightRegion.Create(1, InflightLayout.QueueSizeMax, packed: true);
        byte[] bytes = new byte[region.SizeBytes];
        (bytes[8], bytes[11]) = (1, 0x80);
        bytes[12] = bytes[14] = 0xff;
        bytes[13] = bytes[15] = 0xff;
        for (int i = 0; i < InflightLayout.QueueSizeMax; i++)
        {
            // All in flight, each as long as the ring, one after the other in a circle.
            Span<byte> entry = bytes.AsSpan(32 + (32 * i), 32);
            entry[0] = 1;
            BitConverter.TryWriteBytes(entry[2..], (ushort)((i + 1) % InflightLayout.QueueSizeMax));
            BitConverter.TryWriteBytes(entry[6..], (ushort)InflightLayout.QueueSizeMax);
        }

        region.File.WriteAt(bytes, 0);
        byte[] ring = GC.AllocateArray<byte>((int)InflightLayout.QueueSizeMax * 16, pinned: true);
        var queue = (PackedInflightQueue)region.Queue(0)!;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        fixed (byte* start = ring)
        {
            PackedRecovery recovery = queue.Recover(start, InflightLayout.QueueSizeMax, 0, true);
            Assert.Equal((int)InflightLayout.QueueSizeMax, Assert.Single(recovery.Chains).Descriptors.Length);
        }

        Assert.InRange(clock.ElapsedMilliseconds, 0, 2000);
    }

    private static InflightDescriptor Descriptor(int number) => new()
    {
        Address = 0x1122334455660000 + (ulong)number,
        Length = 0x10000 + (uint)number,
        Id = (ushort)number,
        Flags = (ushort)(0x80 | number),
    };

    private static IEnumerable<int> Numbers(PackedRecovery recovery) =>
        recovery.Chains.Select(chain => (int)(chain.Descriptors[0].Address & 0xffff));

    private void SetFlags(int position, ushort flags) =>
        BitConverter.TryWriteBytes(_ring.AsSpan((position * 16) + 14), flags);

    private byte[] Contents()
    {
        byte[] bytes = new byte[_region.SizeBytes];
        _file.ReadAt(bytes, 0);
        return bytes;
    }

    private void Finish(params ushort[] entries) => Array.ForEach(entries, _queue.Finish);

    private PackedRecovery Recover(ushort position = 0, bool wrap = true, uint ringSize = Size)
    {
        fixed (byte* ring = _ring)
        {
            return _queue.Recover(ring, ringSize, position, wrap);
        }
    }

    // The part as the next back-end gets it.
    private void Next()
    {
        InflightRegion next = InflightRegion.Map(_file, _region.SizeBytes, 0, 1, Size, packed: true);
        _region.Dispose();
        _region = next;
        _queue = (PackedInflightQueue)next.Queue(0)!;
    }
}
