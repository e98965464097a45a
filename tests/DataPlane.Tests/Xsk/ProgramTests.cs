using System.Buffers.Binary;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Xdp;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>What programs do with frames on their way to our rings.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class ProgramTests
{
    private const int Mtu = 9000;

    public static TheoryData<string> Modes => XskWire.Modes;

    public static TheoryData<string, bool> ModesAndSizes
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (string mode in XskWire.ModeNames)
            {
                data.Add(mode, false);
                data.Add(mode, true);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Map_SocketIsTakenOutAndAnotherPutIn_ProgramStaysAndFramesFollow(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd first = wire.Far();
        XskWire.Transfer(near, first, XskWire.Frames(100));
        InterfaceProgram program = wire.FarProgram;
        uint id = program.ProgramId;

        program.ClearSocket(0);
        near.Send(XskWire.Frames(10));
        Assert.Empty(first.Take());
        XskEnd second = wire.Far(new XskEndSetup { Shared = first }, receives: false);
        program.SetSocket(0, second.Socket);
        XskWire.Transfer(near, second, XskWire.Frames(100));
        Assert.Equal(id, program.ProgramId);
        Assert.True(program.IsAttached(out _));
        near.CheckLedger();
        first.CheckLedger(second);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Program_DropsEverySecondFrame_HalfArrives(string mode)
    {
        using var wire = new XskWire(mode);
        XskEnd near = wire.Near();
        XskEnd far = wire.Far(receives: false);
        far.Post();
        using var program = new XskTestProgram(wire, "every_second", [far]);
        byte[][] frames = XskWire.Frames(200);

        near.Send(frames);

        Assert.Equal(frames.Where((_, i) => i % 2 == 0), far.Receive(100));
        Assert.Equal(200, program.Seen);
        far.CheckLedger();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Program_SortsByAddress_TwoSocketsOnOneUmemGetTheirOwn(string mode)
    {
        using var wire = new XskWire(mode);
        var setup = new XskEndSetup { Chunks = 1024 };
        XskEnd near = wire.Near();
        XskEnd first = wire.Far(setup, receives: false);
        XskEnd second = wire.Far(setup with { Shared = first }, receives: false);
        first.Post();
        using var program = new XskTestProgram(wire, "by_address", [first, second]);
        byte[][] frames = XskWire.Frames(100);
        for (int i = 0; i < frames.Length; i++)
        {
            frames[i][5] = (byte)(i % 2);
        }

        near.Send(frames);

        Assert.Equal(frames.Where((_, i) => i % 2 == 0), first.Receive(50));
        Assert.Equal(frames.Where((_, i) => i % 2 == 1), second.Receive(50));
        first.CheckLedger(second);
    }

    [Theory]
    [MemberData(nameof(ModesAndSizes))]
    public void Program_WritesInFrontOfTheFrame_ItIsThereInTheChunk(string mode, bool jumbo)
    {
        using var wire = new XskWire(mode, Mtu);
        var setup = new XskEndSetup { ScatterGather = jumbo, Chunks = 1024 };
        XskEnd near = wire.Near(setup);
        XskEnd far = wire.Far(setup, receives: false);
        far.Post();
        using var program = new XskTestProgram(wire, "number_in_front", [far]);
        byte[][] frames = XskWire.Frames(40, jumbo ? 7000 : 200);
        for (int i = 0; i < frames.Length; i++)
        {
            near.Send([frames[i]]);
            Assert.Equal(frames[i], Assert.Single(far.Receive(1)));
            Assert.Equal(i + 1, NumberInFront(far, far.Addresses[^1]));
        }
    }

    [Theory]
    [InlineData("native", 64, -4)]
    [InlineData("generic", 64, -4)]
    [InlineData("native", 100, 4)]
    [InlineData("generic", 100, 4)]
    [InlineData("native", 5000, -4)]
    [InlineData("native", 5000, -3000)]
    [InlineData("native", 5000, -4500)]
    [InlineData("native", 5000, 500)]
    public void Program_ChangesTheTail_LengthAndBytesFollow(string mode, int length, int delta)
    {
        using var wire = new XskWire(mode, Mtu);
        var setup = new XskEndSetup { ScatterGather = true, Chunks = 1024 };
        XskEnd near = wire.Near(setup);
        XskEnd far = wire.Far(setup, receives: false);
        far.Post();
        using var program = new XskTestProgram(wire, "other_tail", [far], delta);
        byte[] frame = PacketWire.Frame(1, length);

        near.Send([frame]);

        if (program.TailErrno == Errno.EOPNOTSUPP && length > 4096 && delta > 0)
        {
            // Drivers that do not say how large their fragments are (veth among them) cannot have the last one grow.
            Assert.Empty(far.Take());
            return;
        }

        Assert.Equal(Errno.None, program.TailErrno);
        byte[] received = Assert.Single(far.Receive(1));
        Assert.Equal(length + delta, received.Length);
        Assert.Equal(frame[..Math.Min(length, received.Length)], received[..Math.Min(length, received.Length)]);
        Assert.All(received[Math.Min(length, received.Length)..], b => Assert.Equal(0, b));
        far.CheckLedger();
    }

    private static unsafe long NumberInFront(XskEnd end, ulong address) =>
        BinaryPrimitives.ReadInt64LittleEndian(new ReadOnlySpan<byte>(end.Umem.Base + address - 8, 8));
}
