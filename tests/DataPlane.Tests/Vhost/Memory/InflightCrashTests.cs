using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Crash;
using Nf.DataPlane.Vhost.Memory;
using Xunit.Abstractions;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>
/// K05: a back-end is stopped after every single store of its work on an inflight part; whoever takes over does again
/// exactly what was taken and not published, in the order in which it was taken.
/// </summary>
public sealed unsafe class InflightCrashTests : IDisposable
{
    private static readonly ushort[] SplitTaken = [5, 2, 7, 0, 1, 2];
    private static readonly int[] SplitGivenBack = [1, 0, 2, 3, 4, 5];
    private static readonly int[] PackedLengths = [1, 3, 2, 2, 2];

    // After so many batches: buffers given back, and where the ring goes on.
    private static readonly (int[] Done, ushort Position, bool Wrap)[] PackedBatches =
        [([], 0, true), ([0, 1], 4, true), ([0, 1, 2], 6, true), ([0, 1, 2, 3, 4], 2, false)];

    private readonly ITestOutputHelper _output;
    private readonly string _folder = Directory.CreateTempSubdirectory("nf-inflight-").FullName;

    public InflightCrashTests(ITestOutputHelper output) => _output = output;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Split_KilledAfterAnyStore_ResubmitsExactlyWhatIsOpen()
    {
        StoreTrace trace = Trace("split", packed: false, _ => { });
        int taken = 0;
        Replay(trace, packed: false, (state, lab) =>
        {
            ushort used = lab.UsedIndex;
            ushort[] heads = lab.Split.Recover(used, InflightLab.Size);
            Assert.Equal(0u, lab.Split.Corrections);
            int[] open = [.. Enumerable.Range(0, SplitTaken.Length).Except(SplitGivenBack.Take(used))];
            taken = FirstFit(taken, SplitTaken.Length, count =>
                heads.SequenceEqual(open.Where(i => i < count).Select(i => SplitTaken[i])),
                $"state {state}, used {used}: {string.Join(" ", heads)} after {taken}");
        });
        Assert.Equal(SplitTaken.Length, taken);
    }

    [Fact]
    public void Packed_KilledAfterAnyStore_ResubmitsExactlyWhatIsOpen()
    {
        StoreTrace trace = Trace("packed", packed: true, _ => { });
        int taken = 0;
        Replay(trace, packed: true, (state, lab) =>
        {
            (int[] done, ushort position, bool wrap) = PackedBatches[BatchesOf(lab)];
            PackedRecovery recovery = lab.Packed.Recover(lab.Ring, InflightLab.Size, 0, true);
            Assert.Equal(0u, lab.Packed.Corrections);
            Assert.Equal((state, position, wrap), (state, recovery.UsedPosition, recovery.UsedWrap));
            taken = FirstFit(taken, PackedLengths.Length, count =>
                Texts(recovery).SequenceEqual(Enumerable.Range(0, count).Except(done).Select(
                    i => string.Join(" ", InflightLab.Chain(i, PackedLengths[i]).Select(d => $"{d.Address:x}")))),
                $"state {state}: {string.Join(", ", Texts(recovery))} after {taken}");
        });
        Assert.Equal(PackedLengths.Length, taken);
    }

    // The successor is killed, too, after every store of its recovery: the next one finds the same.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recovery_KilledAfterAnyStore_CanBeDoneAgain(bool packed)
    {
        StoreTrace work = Trace(packed ? "packed" : "split", packed, _ => { });
        var starts = new List<byte[][]>();
        Replay(work, packed, (state, lab) =>
        {
            if (IsWorth(lab, packed))
            {
                starts.Add(Contents());
            }
        });
        Assert.True(starts.Count >= 4, $"{starts.Count} states have something to recover");
        foreach (byte[][] start in (byte[][][])[starts[starts.Count / 3], starts[^1]])
        {
            string? expected = null;
            StoreTrace trace = Trace(packed ? "packed-recovery" : "split-recovery", packed, folder =>
                WriteContents(folder, start));
            Replay(trace, packed, (state, lab) =>
            {
                string found = Recovered(lab, packed);
                expected ??= found;
                Assert.Equal((state, expected), (state, found));
            });
        }
    }

    // The twin that must be caught: a part whose used index was not written.
    [Fact]
    public void Split_UsedIndexIgnored_IsCaught()
    {
        StoreTrace trace = Trace("split", packed: false, _ => { });
        int differences = 0;
        Replay(trace, packed: false, (_, lab) =>
        {
            string right = Recovered(lab, packed: false);
            byte[] zero = [0, 0];
            using FileStream file = File.OpenWrite(Path.Combine(_folder, "inflight"));
            file.Position = 14;
            file.Write(zero);
            file.Flush();
            differences += Recovered(lab, packed: false) == right ? 0 : 1;
        });
        Assert.True(differences > 0);
    }

    private static int FirstFit(int from, int to, Func<int, bool> fits, string message)
    {
        for (int count = from; count <= to; count++)
        {
            if (fits(count))
            {
                return count;
            }
        }

        Assert.Fail(message);
        return to;
    }

    // What the driver sees: flags of the first used descriptor of each batch.
    private static int BatchesOf(InflightLab lab) =>
        lab.Flags(6) == 0x8080 ? 3 : lab.Flags(4) == 0x8080 ? 2 : lab.Flags(0) != 0x80 ? 1 : 0;

    private static IEnumerable<string> Texts(PackedRecovery recovery) =>
        recovery.Chains.Select(chain => string.Join(" ", chain.Descriptors.Select(d => $"{d.Address:x}")));

    private static string Recovered(InflightLab lab, bool packed)
    {
        if (!packed)
        {
            return string.Join(" ", lab.Split.Recover(lab.UsedIndex, InflightLab.Size));
        }

        PackedRecovery recovery = lab.Packed.Recover(lab.Ring, InflightLab.Size, 0, true);
        return $"{recovery.UsedPosition} {recovery.UsedWrap}: {string.Join(", ", Texts(recovery))}";
    }

    // Whether recovery will change anything.
    private bool IsWorth(InflightLab lab, bool packed)
    {
        byte[][] before = Contents();
        bool isUsed = before[1][8] == 1;
        Recovered(lab, packed);
        bool changed = isUsed && !before[1].SequenceEqual(Contents()[1]);
        WriteContents(_folder, before);
        return changed;
    }

    private StoreTrace Trace(string work, bool packed, Action<string> prepare)
    {
        string folder = Path.Combine(_folder, Guid.NewGuid().ToString("N"));
        using InflightLab lab = InflightLab.Create(folder, packed);
        prepare(folder);
        StoreTrace trace = StoreTrace.Record(
            folder, InflightLab.FileNames, lab.Control, ChildLife.Command("inflight", folder, work), () => { });
        _output.WriteLine($"{work}: {trace.Count} states");
        return trace;
    }

    private void Replay(StoreTrace trace, bool packed, Action<int, InflightLab> look) =>
        trace.Replay(_folder, InflightLab.FileNames, state =>
        {
            using InflightLab lab = InflightLab.Open(_folder, packed);
            look(state, lab);
        });

    private byte[][] Contents() =>
        [.. InflightLab.FileNames.Select(name => File.ReadAllBytes(Path.Combine(_folder, name)))];

    // In place: the files are mapped.
    private static void WriteContents(string folder, byte[][] contents)
    {
        for (int i = 0; i < contents.Length; i++)
        {
            using FileStream file = File.OpenWrite(Path.Combine(folder, InflightLab.FileNames[i]));
            file.Write(contents[i]);
        }
    }
}
