using Nf.Ctl.Rendering;
using Nf.Ctl.Watching;
using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

public class SteerTableTests
{
    [Fact]
    public void Cpumaps_List_IsATable()
    {
        AssertText(
            """
            NAME  BACKEND  MAP  CPUS  DROPS  USED BY
            fan   kernel    61  1,2       4  steering/edge
            new   kernel     -  -         -  -
            """,
            CpumapTables.List([SteerSamples.Cpumap, new Cpumap { Name = "new" }]));
    }

    [Fact]
    public void Cpumap_One_ShowsItsEntriesAndWhatWasNotRedirected()
    {
        AssertText(
            """
            Name        fan
            Backend     kernel
            CPUs below  4
            Frags       no
            Map         id 61, values of 8 bytes
            Counters    yes
            Used by     steering/edge

            Entries
            CPU  QUEUE  PROGRAM  THREADS  ENQUEUED  DROPS  BULK  PROCESSED  ALLOC DROPS  SCHED  PASS  DROP  REDIRECT
              1    192  pass           1      1000      4   6.3        990            0     12   990     0         0
              2     64  -              2         0      0     -          0            0      0     0     0         0

            Not redirected
            INTERFACE  ERROR   PACKETS
            eth1       ENOSPC        3
            """,
            CpumapTables.One(SteerSamples.Cpumap));
    }

    [Fact]
    public void Programs_List_IsATable()
    {
        AssertText(
            """
            NAME      CODE                         ID  FRAGS  INSTRUCTIONS  USED BY
            only-udp  ELF 0123456789ab xdp/cpumap  73  no               40  fan/1
            """,
            CpumapTables.Programs([SteerSamples.Program]));
    }

    [Fact]
    public void Steerings_List_IsATable()
    {
        AssertText(
            """
            NAME  STATE   INTERFACE  NETNS  XDP     RULES  PREFIXES  REVISION
            edge  active  eth1       -      native      1    100000         2
            """,
            SteeringTables.List([SteerSamples.Steering]));
    }

    [Fact]
    public void Steering_One_ShowsItsRulesAsTheyAreWritten()
    {
        AssertText(
            """
            Name               edge
            Interface          eth1 (index 3)
            Network namespace  -
            Frags              no
            Management         goes to the stack
            State              active
            XDP mode           native
            XDP program        id 88, 120 instructions
            Revision           2

            Rules
            RULE          MATCH             ACTION                            PREFIXES  PACKETS  BYTES
            (management)  -                 pass                                     -        2     84
            web           tcp dport 80-443  cpumap fan source-prefix or drop    100000      500  50000
            (default)     -                 xsk                                      -        7    700
            """,
            SteeringTables.One(SteerSamples.Steering, ""));
    }

    [Fact]
    public void Verdicts_OfPackets_AreARowEach()
    {
        AssertText(
            """
            PACKET  BYTES  RULE          ACTION
                 1     60  web           cpumap fan cpu 2
                 2     42  (management)  pass
                 3     14  (default)     drop
            """,
            SteeringTables.Verdicts(
                [new byte[60], new byte[42], new byte[14]],
                [
                    new SteeringVerdict { Rule = "web", Action = "cpumap", Cpumap = "fan", Cpu = 2 },
                    new SteeringVerdict { Management = true, Action = "pass" },
                    new SteeringVerdict { Action = "drop" },
                ]));
    }

    [Fact]
    public void Stats_WithCpumapsAndSteerings_ShowThem()
    {
        string text = Draw(StatsTables.One(new Stats
        {
            CpumapEntries = { SteerSamples.Entry(80) },
            SteeringRules = { SteerSamples.Rule(5) },
        }));

        Assert.Contains("fan       1    192     16        80      8   8.0         80", text, StringComparison.Ordinal);
        Assert.Contains("edge      web         5   5000", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_OfCpumapsAndSteerings_AreShownWhereThereAreSome()
    {
        Stats before = Samples.StatsAt(0, 0);
        Stats after = Samples.StatsAt(2, 1000);
        string without = Draw(RateTables.Draw(RateMeter.Between(before, after), ""));
        before.CpumapEntries.Add(SteerSamples.Entry(0));
        after.CpumapEntries.Add(SteerSamples.Entry(8000));
        before.SteeringRules.Add(SteerSamples.Rule(0));
        after.SteeringRules.Add(SteerSamples.Rule(2000));

        string with = Draw(RateTables.Draw(RateMeter.Between(before, after), ""));

        Assert.DoesNotContain("CPUMAP", without, StringComparison.Ordinal);
        Assert.Contains("fan       1  4.00 k   8.0   4.00 k      400  16/192        1", with, StringComparison.Ordinal);
        Assert.Contains("edge      web   1.00 k   0.008", with, StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_OfCountersThatBeganAnew_AreUnknown()
    {
        Stats before = Samples.StatsAt(0, 0);
        Stats after = Samples.StatsAt(2, 1000);
        before.CpumapEntries.Add(SteerSamples.Entry(8000));
        after.CpumapEntries.Add(SteerSamples.Entry(80));
        before.SteeringRules.Add(SteerSamples.Rule(2000));
        after.SteeringRules.Add(SteerSamples.Rule(1));

        Rates rates = RateMeter.Between(before, after);

        Assert.Null(Assert.Single(rates.Entries).Enqueued);
        Assert.Null(Assert.Single(rates.Rules).Matched.Packets);
    }

    private static void AssertText(string expected, IReadOnlyList<Grid> grids) =>
        Assert.Equal(expected + "\n", Draw(grids));

    private static string Draw(IReadOnlyList<Grid> grids)
    {
        using var output = new StringWriter();
        PlainText.Write(output, grids);
        return output.ToString();
    }
}
