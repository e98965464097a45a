using Google.Protobuf.WellKnownTypes;
using Nf.Ctl.Watching;
using Nf.V1;

namespace Nf.Ctl.Tests.Watching;

public class RateMeterTests
{
    [Fact]
    public void Between_TwoReadings_GivesRatesPerSecond()
    {
        PortRates port = Assert.Single(RateMeter.Between(
            At(0, Port(rx: 100, tx: 10, drops: 1)), At(2, Port(rx: 300, tx: 50, drops: 5))).Ports);

        Assert.Equal(new Flow(100, 6400), port.In);
        Assert.Equal(new Flow(20, 1280), port.Out);
        Assert.Equal([new DropRate("no_link", 2)], port.Drops);
    }

    [Fact]
    public void Between_CountersBeganAnew_AreUnknownNotNegative()
    {
        PortRates port = Assert.Single(RateMeter.Between(
            At(0, Port(rx: 1000, tx: 0)), At(1, Port(rx: 10, tx: 500))).Ports);

        Assert.Equal(default, port.In);
        Assert.Equal(default, port.Out);
    }

    [Fact]
    public void Between_OnlyADropCounterBeganAnew_AreUnknown()
    {
        PortRates port = Assert.Single(RateMeter.Between(
            At(0, Port(rx: 10, tx: 10, drops: 9)), At(1, Port(rx: 20, tx: 20, drops: 1))).Ports);

        Assert.Null(port.In.Packets);
        Assert.Empty(port.Drops);
    }

    [Fact]
    public void Between_NewGenerationThatAdopted_GoesOn()
    {
        Stats after = At(1, Port(rx: 30, tx: 0));
        after.Generation = 2;

        Rates rates = RateMeter.Between(At(0, Port(rx: 10, tx: 0)), after);

        Assert.True(rates.Restarted);
        Assert.Equal(20, rates.Ports[0].In.Packets);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void Between_ClockDidNotAdvance_IsUnknown(int seconds)
    {
        PortRates port = Assert.Single(RateMeter.Between(
            At(0, Port(rx: 1, tx: 1)), At(seconds, Port(rx: 2, tx: 2))).Ports);

        Assert.Null(port.In.Packets);
    }

    [Fact]
    public void Between_SocketThatIsNew_IsUnknown()
    {
        Assert.Null(RateMeter.Between(At(0), At(1, Port(rx: 5, tx: 5))).Ports[0].In.Packets);
    }

    [Fact]
    public void Between_WorkersAndLinks_AreMeasured()
    {
        Stats before = At(0);
        before.Workers.Add(new WorkerStats { Cpu = 1, BusyNs = 100, TotalNs = 1000, Packets = 10 });
        before.Links.Add(new LinkStats { Link = "l", AToBPackets = 5, AToBBytes = 500 });
        Stats after = At(1);
        after.Workers.Add(new WorkerStats { Cpu = 1, BusyNs = 350, TotalNs = 2000, Packets = 30 });
        after.Links.Add(new LinkStats { Link = "l", AToBPackets = 15, AToBBytes = 1500 });

        Rates rates = RateMeter.Between(before, after);

        Assert.Equal(new WorkerRates(1, 0.25, 20), Assert.Single(rates.Workers));
        Assert.Equal(new LinkRates("l", new Flow(10, 1000), new Flow(0, 0)), Assert.Single(rates.Links));
    }

    [Fact]
    public void Between_WorkerOfANewLife_IsUnknown()
    {
        Stats before = At(0);
        before.Workers.Add(new WorkerStats { Cpu = 1, BusyNs = 900, TotalNs = 1000 });
        Stats after = At(1);
        after.Workers.Add(new WorkerStats { Cpu = 1, BusyNs = 10, TotalNs = 20 });

        Assert.Equal(new WorkerRates(1, null, null), Assert.Single(RateMeter.Between(before, after).Workers));
    }

    // Whatever two readings say, in any order, no rate is negative and no share exceeds one.
    [Fact]
    public void Between_RandomReadings_AreNeverNegative()
    {
        var random = new Random(20);
        for (int round = 0; round < 2000; round++)
        {
            Rates rates = RateMeter.Between(Any(random), Any(random));
            foreach (PortRates port in rates.Ports)
            {
                double?[] all = [port.In.Packets, port.In.Bytes, port.Out.Packets, port.Out.Bytes];
                Assert.All(all, r => Assert.True(r is null or >= 0, $"{r}"));
                Assert.All(port.Drops, d => Assert.True(d.Packets >= 0));
            }

            Assert.All(rates.Workers, w => Assert.True(w.Busy is null or (>= 0 and <= 1)));
        }
    }

    private static Stats Any(Random random)
    {
        Stats stats = At(random.Next(3), Port((ulong)random.Next(5), (ulong)random.Next(5), (ulong)random.Next(3)));
        stats.Generation = (ulong)random.Next(2);
        stats.Workers.Add(new WorkerStats { BusyNs = (ulong)random.Next(9), TotalNs = (ulong)random.Next(5) });
        return stats;
    }

    private static Stats At(int seconds, params PortStats[] ports)
    {
        return new Stats
        {
            Time = Timestamp.FromDateTime(DateTime.UnixEpoch.AddHours(1).AddSeconds(seconds)),
            Generation = 1,
            Ports = { ports },
        };
    }

    private static PortStats Port(ulong rx, ulong tx, ulong drops = 0)
    {
        var port = new PortStats
        {
            XskSocket = "s",
            RxPackets = rx,
            RxBytes = rx * 64,
            TxPackets = tx,
            TxBytes = tx * 64,
        };
        port.Drops.Add(new DropCount { Reason = "no_link", Packets = drops });
        return port;
    }
}
