using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>Commands and replies that are too large for a packet, and a data plane that lies about them.</summary>
public sealed class EnclosedSessionTests : IDisposable, IDataPlaneObserver
{
    private const int Large = 3 * EnclosedPacket.PlainBytesMax;

    private readonly FakeDataPlane _fake = new();

    // What is wrong with it, the size told, and what comes beside it.
    public static TheoryData<string, ulong, Func<FileDescriptor[]>> Lies { get; } = new()
    {
        { "no descriptor", Large, () => [] },
        { "two descriptors", Large, () => [File(new byte[Large]), File(new byte[Large])] },
        { "another size", Large - 1, () => [File(new byte[Large])] },
        { "small", 100, () => [File(new byte[Large])] },
        { "too large", (ulong)EnclosedPacket.BytesMax + 1, () => [Unsealed(EnclosedPacket.BytesMax + 1)] },
        { "not sealed", Large, () => [Unsealed(Large)] },
        { "no memory file", Large, () => [FileDescriptor.OpenReadOnly("/dev/zero")] },
        { "garbage", Large, () => [File(Enumerable.Repeat((byte)0xff, Large).ToArray())] },
        { "a hello", (ulong)LargeHello.Length, () => [File(LargeHello)] },
    };

    private static byte[] LargeHello => new DataPlanePacket
    {
        Hello = new DataPlaneHello { ProtocolVersion = 1, Version = new string('v', Large) },
    }.ToByteArray();

    [Fact]
    public async Task Call_LargeCommandAndLargeReply_ArriveWhole()
    {
        _fake.OnCommand = command => [new Reply { Umem = command.CreateUmem.Umem }];
        using DataPlaneSession session = await OpenAsync();
        var umem = new Umem { Name = "u" };
        umem.Labels["large"] = new string('x', 5_000_000);

        Reply reply = await session.CallAsync(
            new Command { CreateUmem = new CreateUmem { Umem = umem } }, CancellationToken.None).InTimeAsync();

        Assert.Equal(umem, reply.Umem);
    }

    [Fact]
    public async Task Call_AsLargeAsNoPacketIs_ThrowsAndTheSessionGoesOn()
    {
        _fake.OnCommand = _ => [new Reply { Done = new Done() }];
        using DataPlaneSession session = await OpenAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => session.CallAsync(
            Delete(new string('u', EnclosedPacket.BytesMax)), CancellationToken.None).InTimeAsync());

        await session.CallAsync(Delete("u"), CancellationToken.None).InTimeAsync();
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Session_EnclosedPacketThatLies_Ends(string why, ulong size, Func<FileDescriptor[]> beside)
    {
        using DataPlaneSession session = await OpenAsync();
        FileDescriptor[] files = beside();

        _fake.SendRaw(new DataPlanePacket { Enclosed = new Enclosed { Size = size } }.ToByteArray(), files);

        Array.ForEach(files, file => file.Dispose());
        string reason = await session.Ended.InTimeAsync();
        Assert.True(reason.Contains("broke the protocol", StringComparison.Ordinal), $"{why}: {reason}");
    }

    public void Dispose() => _fake.Dispose();

    void IDataPlaneObserver.OnDone(Command command, Reply reply)
    {
    }

    void IDataPlaneObserver.OnLate(Command command)
    {
    }

    void IDataPlaneObserver.OnEvent(Event told)
    {
    }

    private static FileDescriptor File(byte[] packet) => EnclosedPacket.Write(packet);

    private static FileDescriptor Unsealed(long size) => MemFile.Create("test", size, new MemFileOptions());

    private static Command Delete(string name) => new() { DeleteUmem = new DeleteUmem { Name = name } };

    private async Task<DataPlaneSession> OpenAsync()
    {
        var session = new DataPlaneSession(_fake.Connect(), this);
        await session.OpenAsync(0, 0, CancellationToken.None).InTimeAsync();
        return session;
    }
}
