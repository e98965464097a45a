using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// J01 to J03, J10 to J12: every page that we write is in the log, and no other.
public unsafe class DirtyLogTests
{
    private const ulong Page = 4096;

    public static TheoryData<ulong, bool> Cases
    {
        get
        {
            var data = new TheoryData<ulong, bool>();
            foreach (ulong kind in (ulong[])[RingLab.Split, RingLab.Packed])
            {
                foreach (ulong more in (ulong[])[0, VirtioFeatures.MergeableBuffers, VirtioFeatures.EventIndex])
                {
                    data.Add(kind | more, true);
                    data.Add(kind | more, false);
                }
            }

            return data;
        }
    }

    // The pages whose bytes changed are those that are marked: seen from the memory, not from the code.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Enqueue_WithLog_MarksExactlyWhatChanged(ulong features, bool logUsed)
    {
        using var lab = new RingLab(features, 256);
        using var log = new Log(lab, logUsed);
        var random = new Random(5);
        for (int round = 0; round < 40; round++)
        {
            int length = random.Next(14, round % 10 == 0 ? 30000 : 3000);
            OfferScattered(lab, random, length + 12);
            byte[] before = lab.Ram.Read(GuestRam.Start, 4 << 20);
            log.Clear();
            byte[] frame = new byte[length];
            Array.Fill(frame, (byte)(round + 1));
            Assert.Equal(1u, lab.Deliver(default, 1 + (round % 3), frame).TxPackets);
            AssertMarked(lab, log, before, logUsed);
            lab.Driver.TakeAll();
        }
    }

    // J03: nothing is written into what a guest sends.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Dequeue_WithLog_MarksOnlyTheRing(ulong features, bool logUsed)
    {
        using var lab = new RingLab(features);
        using var log = new Log(lab, logUsed);
        for (int i = 0; i < 40; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            byte[] before = lab.Ram.Read(GuestRam.Start, 4 << 20);
            log.Clear();
            Assert.Equal(2, lab.Receive().Count);
            lab.Driver.TakeAll();
            AssertMarked(lab, log, before, logUsed);
        }
    }

    // J02: the wish for kicks is written into the ring, too.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Kicks_WithLog_MarkTheRing(ulong features, bool logUsed)
    {
        using var lab = new RingLab(features, 32768, 8 << 20);
        using var log = new Log(lab, logUsed);
        lab.Driver.OfferBuffer(100, out _);
        lab.Deliver(RingLab.Frame(1, 60));
        log.Clear();
        lab.Ring.EnableKicks();
        bool isEvent = !lab.Driver.IsPacked && (features & VirtioFeatures.EventIndex) != 0;
        ulong written = lab.Driver.UsedAddress + (isEvent ? 4 + (8 * 32768u) : 0);
        Assert.Equal(logUsed ? [written / Page] : [], log.Pages());
        log.Clear();
        lab.Ring.DisableKicks();
        Assert.Equal(logUsed && !isEvent ? [written / Page] : [], log.Pages());
    }

    // J10, J11: as soon as a ring is set up without it, and with the feature but before there is one.
    [Theory]
    [InlineData(RingLab.Split | VirtioFeatures.LogAll)]
    [InlineData(RingLab.Packed | VirtioFeatures.LogAll)]
    public void Enqueue_WithoutLog_MarksNothing(ulong features)
    {
        using var lab = new RingLab(features);
        using var log = new Log(lab, logUsed: true);
        log.Clear();
        lab.Driver.Log = null;
        lab.Restart();
        lab.Driver.OfferBuffer(100, out _);
        Assert.Equal(1u, lab.Deliver(RingLab.Frame(1, 60)).TxPackets);
        Assert.Empty(log.Pages());
    }

    // What the ring wrote since the copy, page by page, against the log. A page may be marked without a change: the
    // header that stood there already.
    private static void AssertMarked(RingLab lab, Log log, byte[] before, bool logUsed)
    {
        byte[] now = lab.Ram.Read(GuestRam.Start, 4 << 20);
        HashSet<ulong> marked = log.Pages();
        ulong ringEnd = lab.Driver.UsedAddress + (lab.Driver.IsPacked ? 4u : 6 + (8 * lab.Driver.Size));
        for (ulong offset = 0; offset < (ulong)now.Length; offset += Page)
        {
            ulong page = (GuestRam.Start + offset) / Page;
            bool isRing = GuestRam.Start + offset < ringEnd;
            bool isChanged = !now.AsSpan((int)offset, (int)Page).SequenceEqual(before.AsSpan((int)offset, (int)Page));
            if (isChanged && (!isRing || logUsed))
            {
                Assert.Contains(page, marked);
            }
            else if (!isChanged)
            {
                Assert.DoesNotContain(page, marked);
            }
        }
    }

    // Behind the pages of the ring; one chain, or for mergeable buffers several.
    private static void OfferScattered(RingLab lab, Random random, int bytes)
    {
        bool isMergeable = (lab.Driver.Features & VirtioFeatures.MergeableBuffers) != 0;
        List<Piece> pieces = [];
        while (bytes > 0)
        {
            uint length = (uint)Math.Min(bytes, random.Next(12, 12000));
            ulong at = GuestRam.Start + (1 << 20) + (ulong)random.Next(0, (3 << 20) - 12000);
            while (pieces.Exists(p => at < p.Address + p.Length && p.Address < at + length))
            {
                at = GuestRam.Start + (1 << 20) + (ulong)random.Next(0, (3 << 20) - 12000);
            }

            pieces.Add(new Piece(at, length, Writable: true));
            bytes -= (int)length;
        }

        if (isMergeable)
        {
            pieces.ForEach(p => lab.Driver.Add([p]));
        }
        else
        {
            lab.Driver.Add([.. pieces]);
        }

        lab.Driver.Publish();
    }

    /// <summary>A log of the lab's ring, seen from the other side.</summary>
    private sealed class Log : IDisposable
    {
        private readonly FileDescriptor _file;
        private readonly MappedMemory _map;
        private readonly DirtyLog _log;

        internal Log(RingLab lab, bool logUsed)
        {
            long bytes = (long)(lab.Ram.End / Page / 8) + 1;
            _file = MemFile.Create("nf-test-log", bytes, default);
            _map = MappedMemory.Map(_file, 0, bytes, MapAccess.ReadWrite);
            _log = DirtyLog.Map(_file, (ulong)bytes, 0);
            lab.Driver.Log = _log;
            lab.Driver.LogUsed = logUsed;
            lab.Restart();
        }

        internal void Clear() => _map.AsSpan(0, (int)_map.Length).Clear();

        internal HashSet<ulong> Pages()
        {
            var pages = new HashSet<ulong>();
            ReadOnlySpan<byte> bits = _map.AsSpan(0, (int)_map.Length);
            for (int i = bits.IndexOfAnyExcept((byte)0); i >= 0 && i < bits.Length; i++)
            {
                for (int bit = 0; bit < 8; bit++)
                {
                    if ((bits[i] & (1 << bit)) != 0)
                    {
                        pages.Add(((ulong)i * 8) + (uint)bit);
                    }
                }
            }

            Assert.Equal(0ul, _log.OutOfRange);
            return pages;
        }

        public void Dispose()
        {
            _log.Dispose();
            _map.Dispose();
            _file.Dispose();
        }
    }
}
