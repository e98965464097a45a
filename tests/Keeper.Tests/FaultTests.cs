using System.Diagnostics;
using System.Runtime.Versioning;
using Nf.Keeper.Tests.Support;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper.Tests;

public class FaultTests
{
    public static TheoryData<string, string> Garbage => new()
    {
        { "00", "1 bytes" },
        { "4E464B32" + "0400" + "0000" + "00000000" + "00000000", "begins with 0x324b464e" },
        { "4E464B31" + "7700" + "0000" + "00000000" + "00000000", "unknown type 0x0077" },
        { "4E464B31" + "8400" + "0000" + "00000000" + "01000000", "Ack from a life" },
        { "4E464B31" + "0400" + "FFFF" + "00000000" + "00000000", "a key of 65535 bytes" },
        { "4E464B31" + "0200" + "0100" + "FFFFFFFF" + "01000000" + "61", "4294967295 bytes of metadata" },
        { "4E464B31" + "0200" + "0100" + "00000000" + "01000000" + "61", "Put from a life that is Starting" },
        { "4E464B31" + "0100" + "0000" + "04000000" + "00000000" + "01000000", "READY with pid 1" },
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public void Life_SendsGarbage_CostsItsConnectionOnly(string packet, string reason)
    {
        using var keeper = new KeeperProcess();
        using FakeLifeHandle bad = keeper.NextLife("raw");
        bad.Command(packet);
        Assert.Contains(reason, keeper.WaitForLine("is killed"));
        using FakeLifeHandle good = keeper.NextLife();
        Assert.Equal(1ul, good.WaitActive().Generation);
    }

    [Fact]
    public void Life_SendsPacketLongerThanAny_CostsItsConnectionOnly()
    {
        using var keeper = new KeeperProcess();
        using FakeLifeHandle bad = keeper.NextLife("raw");
        bad.Command(new string('0', 2 * (StoreCodec.MessageBytesMax + 1)));
        keeper.WaitForLine("EMSGSIZE");
        using FakeLifeHandle good = keeper.NextLife();
        good.WaitActive();
    }

    [Fact]
    public void Connection_OfAStranger_IsEndedAtOnce()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        using var stranger = SeqPacketSocket.Connect(keeper.SocketPath);
        Assert.Equal(TransferStatus.Closed, stranger.Receive(new byte[16], out _, []));
        keeper.WaitForLine($"connection of pid {Environment.ProcessId} is refused");

        // Nor may a life open a second one.
        Assert.Equal("Closed", life.Ask("connect"));
        Assert.Equal("ok", life.Ask("put key 00"));
    }

    [Fact]
    public void Keeper_SecondOnTheSameDirectory_IsRefusedWithAClearLine()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        using Process second = KeeperProcess.Start(["--run", keeper.RunDirectory]);
        string line = second.StandardError.ReadToEnd();
        second.WaitForExit();
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("another keeper serves", line);
        life.WaitActive();
        Assert.Equal("ok", life.Ask("put key 00"));
    }

    [Theory]
    [SupportedOSPlatform("linux")]
    [InlineData(15)]
    [InlineData(2)]
    public void Keeper_ToldToStop_EndsItsLivesAndRemovesItsSocket(int signal)
    {
        using var keeper = new KeeperProcess();
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        using FakeLifeHandle spare = keeper.NextLife();
        Assert.Equal("ready", spare.Hear());
        Assert.Equal(0x180, (int)File.GetUnixFileMode(keeper.SocketPath));
        keeper.Signal(signal);
        Assert.Equal("Shutdown", life.Hear());
        Assert.Equal("", spare.Hear());
        Assert.Equal(0, keeper.WaitForExit());
        Assert.Contains("with code 0", keeper.WaitForLine($"life 1 (pid {life.Pid}) is gone"));
        Assert.False(File.Exists(keeper.SocketPath));
        Assert.False(Directory.Exists($"/proc/{life.Pid}"));
        Assert.False(Directory.Exists($"/proc/{spare.Pid}"));
    }

    [Fact]
    public void Keeper_LifeIgnoresShutdown_IsKilledAfterFiveSeconds()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        Assert.Equal("ok", life.Ask("stubborn"));
        long start = Stopwatch.GetTimestamp();
        keeper.Signal(15);
        Assert.Equal(0, keeper.WaitForExit());
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 4.9, 30);
        keeper.WaitForLine("did not end within 5 s");
    }

    [Fact]
    public void Keeper_ToldToStopTwice_DoesNotWait()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        Assert.Equal("ok", life.Ask("stubborn"));
        keeper.Signal(15);
        Assert.Equal("ok", life.Ask("drop key")); // so the first is not merged with the second
        keeper.Signal(15);
        Assert.Equal(0, keeper.WaitForExit());
        keeper.WaitForLine("told to stop twice");
    }

    [Fact]
    public void Life_KeeperIsKilled_SeesThatItIsGone()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        keeper.Signal(9);
        Assert.Equal("Gone", life.Hear());
    }
}
