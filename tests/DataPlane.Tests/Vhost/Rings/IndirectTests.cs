using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F09, F10, H05: tables of descriptors, wherever they lie and whatever they say.
public class IndirectTests
{
    private const ulong Split = RingLab.Split | VirtioFeatures.IndirectDescriptors;
    private const ulong Packed = RingLab.Packed | VirtioFeatures.IndirectDescriptors;
    private const ulong RegionBytes = 1 << 20;

    public static TheoryData<ulong, int, int, int> Tables
    {
        get
        {
            var data = new TheoryData<ulong, int, int, int>();
            foreach (ulong kind in (ulong[])[Split, Packed])
            {
                // Descriptors before the table, entries of it, where it begins before a region's end.
                data.Add(kind, 0, 1, 64);
                data.Add(kind, 0, 3, 1000);
                data.Add(kind, 1, 2, 1001);
                data.Add(kind, 3, 1, 999);
                data.Add(kind, 0, 70, 16 * 35);
                data.Add(kind, 0, 70, (16 * 35) + 7);
                data.Add(kind, 2, 2, 16);
                data.Add(kind, 0, 2, 1);
                data.Add(kind, 0, 1024, 4000);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Tables))]
    public void Dequeue_Table_IsReadWhereverItLies(ulong features, int direct, int entries, int beforeEnd)
    {
        using var lab = new RingLab(features, 64, RegionBytes, RegionBytes, RegionBytes);
        byte[] all = [.. new byte[12], .. RingLab.Frame(entries, direct + entries + 1200)];
        Piece[] pieces = Spread(lab, all, direct + entries);
        ulong table = GuestRam.Start + RegionBytes - (ulong)beforeEnd;
        for (int round = 0; round < 70; round++)
        {
            lab.Driver.AddIndirect(pieces.AsSpan(0, direct), pieces.AsSpan(direct), table);
            lab.Driver.Publish();
            Assert.Equal(all[12..], Assert.Single(lab.Receive()));
            Assert.Single(lab.Driver.TakeAll());
        }

        Assert.Equal(0ul, lab.Ring.BadChains);
    }

    // DPDK's driver of packed rings marks the header's entry as one to write, which no rule allows.
    [Theory]
    [InlineData(Packed, 1, 0)]
    [InlineData(Packed, 0, 1)]
    [InlineData(Split, 1, 1)]
    public void Dequeue_TableWhoseHeaderIsToBeWritten_IsReadOnlyWhereTheGuestSendsByAPackedRing(
        ulong features, int ring, uint bad)
    {
        using var lab = new RingLab(features, 64);
        lab.Driver.Index = ring;
        lab.Restart();
        byte[] frame = RingLab.Frame(3, 700);
        ulong header = lab.Ram.Take(12), data = lab.Ram.Take(700), table = lab.Ram.Take(32);
        lab.Ram.Write(header, new byte[12]);
        lab.Ram.Write(data, frame);

        lab.Driver.AddIndirect([], [new Piece(header, 12, Writable: true), new Piece(data, 700)], table);
        lab.Driver.Publish();

        Assert.Equal(bad == 0 ? [frame] : [], lab.Receive());
        Assert.Equal(bad, lab.Ring.BadChains);
    }

    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    [InlineData(Split | VirtioFeatures.MergeableBuffers)]
    public void Enqueue_Table_IsFilledAndItsNeighboursAreNot(ulong features)
    {
        using var lab = new RingLab(features, 64, RegionBytes, RegionBytes);
        ulong table = GuestRam.Start + RegionBytes - 24;
        ulong at = lab.Ram.Take(300);
        lab.Ram.Write(table - 16, [.. Enumerable.Repeat((byte)0xAA, 16)]);
        lab.Ram.Write(table + 32, [.. Enumerable.Repeat((byte)0xAA, 16)]);
        lab.Driver.AddIndirect(
            [], [new Piece(at, 20, Writable: true), new Piece(at + 20, 200, Writable: true)], table);
        lab.Driver.Publish();
        byte[] frame = RingLab.Frame(1, 100);
        lab.Deliver(frame);
        Assert.Equal(112u, Assert.Single(lab.Driver.TakeAll()).Length);
        Assert.Equal(frame, lab.Ram.Read(at + 12, 100));
        Assert.All(lab.Ram.Read(table - 16, 16).Concat(lab.Ram.Read(table + 32, 16)), b => Assert.Equal(0xAA, b));
    }

    public static TheoryData<string, uint, ushort, ushort> BadTables => new()
    {
        // Length, flags of the descriptor, flags of the first entry.
        { "empty", 0, 4, 0 },
        { "half an entry", 8, 4, 0 },
        { "one byte over", 17, 4, 0 },
        { "more than allowed", 16 * 1025, 4, 0 },
        { "enormous", uint.MaxValue - 15, 4, 0 },
        { "goes on behind it", 16, 5, 0 },
        { "a table within", 32, 4, 4 },
    };

    [Theory]
    [MemberData(nameof(BadTables))]
    public void Dequeue_TableThatBreaksARule_GoesBackUnused(string what, uint length, ushort flags, ushort entryFlags)
    {
        foreach (ulong features in (ulong[])[Split, Packed])
        {
            using var lab = new RingLab(features);
            ulong at = lab.Ram.Take(200);
            ulong table = lab.Ram.Take(64);
            Describe(lab, table, length, flags, at, entryFlags);
            byte[] good = RingLab.Frame(1, 60);
            lab.Driver.OfferFrame(good);
            Assert.Equal(good, Assert.Single(lab.Receive()));
            Assert.True(lab.Ring.BadChains == 1 && lab.Ring.Fault == RingFault.None, what);
        }
    }

    [Theory]
    [InlineData(RingLab.Split)]
    [InlineData(RingLab.Packed)]
    public void Dequeue_TableThatWasNotNegotiated_GoesBackUnused(ulong features)
    {
        using var lab = new RingLab(features);
        ulong at = lab.Ram.Take(200);
        lab.Driver.AddIndirect([], [new Piece(at, 100)], lab.Ram.Take(16));
        lab.Driver.Publish();
        Assert.Empty(lab.Receive());
        Assert.Equal(1ul, lab.Ring.BadChains);
        Assert.Single(lab.Driver.TakeAll());
    }

    // F10: the bit means nothing on the descriptor that refers to a table.
    [Fact]
    public void Dequeue_WriteBitOnTheReferringDescriptor_IsIgnored()
    {
        using var lab = new RingLab(Split);
        ulong at = lab.Ram.Take(200);
        ulong table = lab.Ram.Take(16);
        lab.SplitSide.DescribeAt(table, at, 112, 0, 0);
        lab.SplitSide.Describe(0, table, 16, SplitDriver.Indirect | SplitDriver.Write, 0);
        lab.SplitSide.OfferHead(0);
        Assert.Equal(100, Assert.Single(lab.Receive()).Length);
    }

    // Links inside a table: out of it, in a circle, and backwards, which is legal.
    [Theory]
    [InlineData(2, 0, true)]
    [InlineData(1, 3, true)]
    [InlineData(1, 65535, true)]
    [InlineData(1, 0, true)]
    [InlineData(2, 1, false)]
    public void Split_LinksOfATable_AreBounded(ushort first, ushort second, bool isBad)
    {
        using var lab = new RingLab(Split);
        ulong at = lab.Ram.Take(200);
        ulong table = lab.Ram.Take(48);
        lab.SplitSide.DescribeAt(table, at, 40, SplitDriver.Next, first);
        lab.SplitSide.DescribeAt(table + 16, at, 40, isBad ? SplitDriver.Next : (ushort)0, second);
        lab.SplitSide.DescribeAt(table + 32, at, 40, SplitDriver.Next, second);
        lab.SplitSide.Describe(0, table, 48, SplitDriver.Indirect, 0);
        lab.SplitSide.OfferHead(0);
        Assert.Equal(isBad ? 0 : 1, lab.Receive().Count);
        Assert.Equal((isBad ? 1ul : 0, RingFault.None), (lab.Ring.BadChains, lab.Ring.Fault));
        Assert.Single(lab.Driver.TakeAll());
    }

    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    public void Dequeue_TableOutsideMemory_GoesBackUnused(ulong features)
    {
        using var lab = new RingLab(features);

        // The one that begins inside goes on outside.
        lab.Ram.Ref<ushort>(GuestRam.Start + (4 << 20) - 4) = SplitDriver.Next;
        lab.Ram.Ref<ushort>(GuestRam.Start + (4 << 20) - 2) = features == Split ? (ushort)1 : (ushort)0;
        foreach (ulong table in (ulong[])[0, GuestRam.Start + (4 << 20) - 16, ulong.MaxValue - 31, ulong.MaxValue - 7])
        {
            Describe(lab, table, 32, 4, null, 0);
            Assert.Empty(lab.Receive());
        }

        Assert.Equal(4ul, lab.Ring.BadChains);
        Assert.Equal(4, lab.Driver.TakeAll().Count);
    }

    private static void Describe(RingLab lab, ulong table, uint length, ushort flags, ulong? buffer, ushort entryFlags)
    {
        bool isSplit = !lab.Driver.IsPacked;
        if (buffer is { } at && isSplit)
        {
            lab.SplitSide.DescribeAt(table, at, 60, entryFlags, 1);
            lab.SplitSide.DescribeAt(table + 16, at, 60, 0, 0);
        }
        else if (buffer is { } address)
        {
            lab.PackedSide.WriteTable([new Piece(address, 60), new Piece(address, 60)], table);
            lab.Ram.Ref<ushort>(table + 14) = entryFlags;
        }

        // The driver makes a chain of one, or of two when something follows, and then the first is bent.
        bool hasNext = (flags & 1) != 0;
        ulong tail = lab.Ram.Take(60);
        uint id = lab.Driver.Add(hasNext ? [new Piece(tail, 60), new Piece(tail, 60)] : [new Piece(tail, 60)]);
        if (isSplit)
        {
            ulong descriptor = lab.Driver.DescriptorsAddress + (16 * id);
            lab.Ram.Ref<ulong>(descriptor) = table;
            lab.Ram.Ref<uint>(descriptor + 8) = length;
            lab.Ram.Ref<ushort>(descriptor + 12) = flags;
            lab.Driver.Publish();
            return;
        }

        uint back = hasNext ? 2u : 1;
        uint position = lab.PackedSide.Position - back;
        lab.Driver.Publish();
        lab.PackedSide.Describe(
            position, table, length, (ushort)id, (ushort)(flags | lab.PackedSide.AvailableBits));
    }

    private static Piece[] Spread(RingLab lab, byte[] all, int count)
    {
        var pieces = new Piece[count];
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            int length = i == count - 1 ? all.Length - at : 1 + ((all.Length - at - (count - i)) / (count - i));
            ulong address = lab.Ram.Take((ulong)length);
            lab.Ram.Write(address, all.AsSpan(at, length));
            pieces[i] = new Piece(address, (uint)length);
            at += length;
        }

        return pieces;
    }
}
