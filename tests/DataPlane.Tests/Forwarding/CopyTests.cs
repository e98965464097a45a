using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Forwarding;

// Links between UMEMs: one copy, whatever the shapes of the two are.
public unsafe class CopyTests
{
    private static readonly Dictionary<string, (LabUmem From, LabUmem To)> Shapes = new()
    {
        ["equal"] = (new(128), new(128)),
        ["into larger"] = (new(128), new(128, 4096)),
        ["into smaller"] = (new(128, 4096), new(128)),
        ["headroom"] = (new(128, 2048, Headroom: 200), new(128, 2048, Headroom: 7)),
        ["metadata"] = (new(128), new(128, 2048, TxMetadata: 24)),
        ["metadata, both"] = (new(128, TxMetadata: 64), new(128, TxMetadata: 248)),
        ["from unaligned"] = (new(128, 3000, Unaligned: true), new(128)),
        ["into unaligned"] = (new(128), new(128, 2600, Unaligned: true)),
        ["unaligned, both"] = (new(128, 2600, 100, true), new(128, 3001, 50, true, 24)),
    };

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (string shape in Shapes.Keys)
            {
                foreach (int length in new[] { 14, 15, 22, 60, 63, 64, 65, 128, 1023, 1500, 1514, 1518 })
                {
                    cases.Add(shape, length);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Copy_AnyShapesAndLength_ArrivesByteForByte(string shapes, int length)
    {
        (LabUmem from, LabUmem to) = Shapes[shapes];
        using var rig = new Rig(from, to);
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, length), LabFrame.Make(2, length));
        rig.Receive(1, LabFrame.Make(3, length));
        rig.Settle();
        Assert.Equal([LabFrame.Make(1, length), LabFrame.Make(2, length)], rig.Sent[1]);
        Assert.Equal([LabFrame.Make(3, length)], rig.Sent[0]);
        rig.CheckSums();
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(24u)]
    [InlineData(248u)]
    public void Copy_FillsTheChunkToItsLastByte_AndNoFurther(uint metadata)
    {
        uint room = 2048 - metadata;
        using var rig = new Rig(
            [new LabUmem(128, 4096), new LabUmem(128, TxMetadata: metadata)],
            new LabPort(0, 1), new LabPort(1, 0, FrameBytesMax: 9000));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, (int)room), LabFrame.Make(2, (int)room + 1));
        rig.Settle();
        Assert.Equal(LabFrame.Make(1, (int)room), Assert.Single(rig.Sent[1]));
        Assert.Equal(1u, rig.Drops(0, DropReason.TooManySegments));
        rig.CheckSums();
    }

    [Fact]
    public void Copy_OtherUmemEmpty_DropsWithThatReasonAndRecovers()
    {
        using var rig = new Rig([new LabUmem(128), new LabUmem(4)], new LabPort(0, 1), new LabPort(1, 0));
        rig.Round();
        rig.Receive(0, [.. Enumerable.Range(0, 10).Select(i => LabFrame.Make((ulong)i, 60))]);
        rig.Round();

        // The other UMEM has four chunks; its fill ring got three before, one was left.
        Assert.Equal(9u, rig.Drops(0, DropReason.NoFreeChunk));
        rig.CheckSums();
        rig.Settle();
        Assert.Equal(0ul, LabFrame.NumberOf(Assert.Single(rig.Sent[1])));
        rig.Receive(0, LabFrame.Make(77, 60));
        rig.Settle();
        Assert.Equal(77ul, LabFrame.NumberOf(rig.Sent[1][^1]));
        rig.CheckSums();
    }

    [Fact]
    public void Copy_CompletionsWait_AreReapedBeforeAnythingIsDropped()
    {
        using var rig = new Rig([new LabUmem(128), new LabUmem(4)], new LabPort(0, 1), new LabPort(1, 0));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 60));
        rig.Round();
        rig.Send();
        rig.Receive(0, LabFrame.Make(2, 60));
        rig.Settle();
        Assert.Equal(2, rig.Sent[1].Count);
        Assert.Equal(0u, rig.Drops(0));
    }

    [Fact]
    public void Copy_TxRingFull_LeavesPacketsInTheRxRing()
    {
        using var rig = new Rig(
            [new LabUmem(512), new LabUmem(512)], new LabPort(0, 1, 256), new LabPort(1, 0));
        rig.Round();
        rig.Receive(0, [.. Enumerable.Range(0, 150).Select(i => LabFrame.Make((ulong)i, 60))]);
        for (int i = 0; i < 5; i++)
        {
            rig.Round();
        }

        Assert.Equal(0u, rig.Drops(0));
        Assert.True(rig.Life.Ports[0].Rx.Level > 0);
        rig.CheckSums();
        rig.Settle();
        Assert.Equal(Enumerable.Range(0, 150).Select(i => (ulong)i), rig.Sent[1].Select(LabFrame.NumberOf));
        rig.CheckSums();
    }
}
