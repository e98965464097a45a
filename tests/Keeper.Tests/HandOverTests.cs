using System.Diagnostics;
using Nf.Keeper.Tests.Support;
using Nf.Linux;
using Xunit.Abstractions;

namespace Nf.Keeper.Tests;

public class HandOverTests(ITestOutputHelper output)
{
    private static readonly byte[] Contents = [1, 2, 3];

    [Fact]
    public void Takeover_LifeKilled_NextHasTheStoreIntact()
    {
        using var keeper = new KeeperProcess();
        using FileDescriptor first = MemFile.Create("first", 4096, default);
        using FileDescriptor second = MemFile.Create("second", 8192, default);
        using EventFd third = EventFd.Create();
        first.WriteAt(Contents, 0);
        using FakeLifeHandle one = keeper.NextLife();
        Assert.Equal((1ul, ""), one.WaitActive());
        Assert.Equal("ok", one.Ask("put umem/a 0102FF", first, second));
        Assert.Equal("ok", one.Ask("put kick 00", third.Descriptor));
        using FakeLifeHandle spare = keeper.NextLife();
        Assert.Equal("ready", spare.Hear());

        one.Kill();

        Assert.Equal((2ul, "kick,umem/a"), spare.WaitActive());
        (byte[] metadata, List<FileDescriptor> descriptors) = spare.Show("umem/a");
        Assert.Equal([0x01, 0x02, 0xFF], metadata);
        Assert.Equal([first.Identity, second.Identity], descriptors.Select(d => d.Identity));
        byte[] read = new byte[Contents.Length];
        descriptors[0].ReadAt(read, 0);
        Assert.Equal(Contents, read);
        Assert.Single(spare.Show("kick").Descriptors);
        Assert.Contains("takes over with 2 entries", keeper.WaitForLine($"life 1 (pid {one.Pid}) is gone"));
    }

    [Fact]
    public void Takeover_TwentyTimesInARow_EachNextLifeHasEverything()
    {
        using var keeper = new KeeperProcess();
        using FileDescriptor file = MemFile.Create("kept", 4096, default);
        FakeLifeHandle active = keeper.NextLife();
        Assert.Equal((1ul, ""), active.WaitActive());
        Assert.Equal("ok", active.Ask("put kept AA", file));
        var takeovers = new List<double>();
        for (ulong generation = 2; generation <= 21; generation++)
        {
            FakeLifeHandle next = keeper.NextLife();
            Assert.Equal("ready", next.Hear());
            long start = Stopwatch.GetTimestamp();
            active.Kill();
            (ulong heard, string keys) = next.WaitActive();
            takeovers.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            Assert.Equal(generation, heard);
            Assert.Equal(generation == 2 ? "kept" : "kept,more", keys);
            Assert.Equal(file.Identity, Assert.Single(next.Show("kept").Descriptors).Identity);
            Assert.Equal("ok", next.Ask("put more BB"));
            active.Dispose();
            active = next;
        }

        active.Dispose();
        takeovers.Sort();
        output.WriteLine($"takeover: median {takeovers[10]:0.0} ms, worst {takeovers[^1]:0.0} ms");
    }

    [Fact]
    public void Takeover_NoSpare_NextLifeIsStartedThen()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FileDescriptor file = MemFile.Create("kept", 4096, default);
        using FakeLifeHandle one = keeper.NextLife();
        one.WaitActive();
        Assert.Equal("ok", one.Ask("put kept AA", file));
        one.Kill();
        using FakeLifeHandle two = keeper.NextLife();
        Assert.Equal((2ul, "kept"), two.WaitActive());
    }

    [Fact]
    public void Takeover_StoreLargerThanASocketBuffer_ArrivesWhole()
    {
        using var keeper = new KeeperProcess();
        using FileDescriptor file = MemFile.Create("kept", 4096, default);
        using FakeLifeHandle one = keeper.NextLife();
        one.WaitActive();
        string metadata = string.Concat(Enumerable.Repeat("5A", 32 * 1024));
        const int count = 100;
        for (int i = 0; i < count; i++)
        {
            Assert.Equal("ok", one.Ask($"put key{i:000} {metadata}", file));
        }

        one.Kill();
        using FakeLifeHandle two = keeper.NextLife();
        (_, string keys) = two.WaitActive();
        Assert.Equal(count, keys.Split(',').Length);
        Assert.Equal(32 * 1024, two.Show("key099").Metadata.Length);
        Assert.Equal("ok", two.Ask("put key000 00", file));
    }

    [Fact]
    public void Takeover_LifeExitsByItself_NextLifeFollows()
    {
        using var keeper = new KeeperProcess();
        using FakeLifeHandle one = keeper.NextLife();
        one.WaitActive();
        using FakeLifeHandle two = keeper.NextLife();
        one.Command("exit 0");
        Assert.Equal(2ul, two.WaitActive().Generation);
        Assert.Contains("with code", keeper.WaitForLine($"life 1 (pid {one.Pid}) is gone"));
    }

    [Fact]
    public void Takeover_LifeHangs_IsKilledAndReplaced()
    {
        using var keeper = new KeeperProcess(["--heartbeat-timeout", "1"]);
        using FileDescriptor file = MemFile.Create("kept", 4096, default);
        using FakeLifeHandle one = keeper.NextLife();
        one.WaitActive();
        Assert.Equal("ok", one.Ask("put kept AA", file));
        using FakeLifeHandle two = keeper.NextLife();
        Assert.Equal("ok", one.Ask("hang"));
        Assert.Equal((2ul, "kept"), two.WaitActive());
        keeper.WaitForLine($"life 1 (pid {one.Pid}) is killed: silent for 1.");
        Assert.Equal("", one.Hear());
    }

    [Fact]
    public void Life_DiesBeforeReadyAgainAndAgain_StartsAreSpacedOutAndGoOn()
    {
        using var keeper = new KeeperProcess(lifeOptions: ["--fail"]);
        keeper.WaitForLine("5 failed in a row, the next start is in 0.3 s");
        keeper.WaitForLine("6 failed in a row, the next start is in 0.5 s");
        keeper.WaitForLine("7 failed in a row, the next start is in 1.0 s");
    }

    [Fact]
    public void Life_ProgramIsMissing_KeeperSaysSoAndGoesOn()
    {
        using var keeper = new KeeperProcess(startsFakes: false);
        keeper.WaitForLine("no-such-program does not start");
        keeper.WaitForLine("6 failed in a row");
        keeper.Signal(15);
        Assert.Equal(0, keeper.WaitForExit());
    }
}
