using Nf.Ctl.Rendering;
using Nf.Ctl.Watching;
using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

public class PlainTableTests
{
    [Fact]
    public void Umems_List_IsATable()
    {
        AssertText(
            """
            NAME  STATE    SIZE  CHUNK  CHUNKS  PAGES  CPU  SOCKETS
            demo  ready  16 MiB   2048    8192  4 KiB    1  demo-a,demo-b
            """,
            UmemTables.List([Samples.Umem]));
    }

    [Fact]
    public void Umems_None_SaysSo()
    {
        AssertText("no UMEMs", UmemTables.List([]));
    }

    [Fact]
    public void Umem_One_ShowsItsLedger()
    {
        AssertText(
            """
            Name         demo
            Size         16 MiB
            Chunk size   2 KiB
            Headroom     0 B
            Quota owner  default
            Labels       pod=web-0
            State        ready
            Chunks       8192
            Mapped       16 MiB
            Pages        4 KiB (no free huge pages)
            Locked       yes
            Worker CPU   1
            Sockets      demo-a, demo-b

            Chunk ledger
            FREE  FILL  RX  WORKER  TX  COMPLETION  RELEASING  WILD  SUM
            4096  4000   1       2  90           3          0     0  closed
            """,
            UmemTables.One(Samples.Umem));
    }

    [Fact]
    public void Lists_NobodyObserves_ShowNoGuess()
    {
        AssertText(
            """
            NAME  STATE   SIZE  CHUNK  CHUNKS  PAGES  CPU  SOCKETS
            x     -      2 KiB   2048       -  -        -  -
            """,
            UmemTables.List([new Umem { Name = "x", Spec = new() { SizeBytes = 2048, ChunkSizeBytes = 2048 } }]));
        AssertText(
            """
            NAME  STATE  INTERFACE  NETNS  QUEUE  MODE  XDP  UMEM  LINK  CPU
            s     -      eth1       -          0  -     -    x     -       -
            """,
            XskTables.List([new XskSocket { Name = "s", Spec = new() { Umem = "x", Interface = "eth1" } }]));
        AssertText(
            """
            NAME  STATE  COPY  A  B
            l     -      -     s  t
            """,
            LinkTables.List([new Link { Name = "l", Spec = new() { A = End("s"), B = End("t") } }]));
        string umem = Render(UmemTables.One(new Umem { Name = "x", Spec = new() }, Names.NoDataPlane));
        Assert.EndsWith("State        unknown, no data plane\n", umem, StringComparison.Ordinal);

        static Endpoint End(string socket) => new() { XskSockets = { socket } };
    }

    [Fact]
    public void Umem_Validated_SaysItIsNotCreated()
    {
        var validated = new Umem { Name = "x", Spec = new UmemSpec { SizeBytes = 2048, ChunkSizeBytes = 2048 } };

        string text = Render(UmemTables.One(validated));

        Assert.EndsWith("State        valid, not created\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Sockets_List_IsATable()
    {
        AssertText(
            """
            NAME    STATE  INTERFACE  NETNS    QUEUE  MODE  XDP     UMEM  LINK  CPU
            demo-a  bound  nfdemoa    nf-demo      0  copy  native  demo  demo    1
            """,
            XskTables.List([Samples.Socket]));
    }

    [Fact]
    public void Socket_One_ShowsWhatWasGrantedAndWhy()
    {
        AssertText(
            """
            Name               demo-a
            UMEM               demo
            Interface          nfdemoa (index 3, driver veth)
            Network namespace  nf-demo
            Queue              0
            State              bound
            Mode               copy (zero-copy: Operation not supported)
            XDP mode           native
            XDP program        id 41, attached by link
            Rings              rx 2048, tx 2048, fill 4096, completion 2048
            Need-wakeup        yes
            Scatter-gather     no
            Shared UMEM        no
            Largest frame      1514 B
            TX budget          kernel default
            Link               demo
            Worker CPU         1

            Kernel counters (XDP_STATISTICS)
            RX DROPPED  RX INVALID  RX RING FULL  FILL EMPTY  TX INVALID  TX EMPTY
                     0           0             7           0           0         0
            """,
            XskTables.One(Samples.Socket));
    }

    [Fact]
    public void Links_ListAndOne_ShowStateAndWhy()
    {
        AssertText(
            """
            NAME  STATE     COPY             A       B
            demo  degraded  none (one UMEM)  demo-a  demo-b
            """,
            LinkTables.List([Samples.Link]));
        string one = Render(LinkTables.One(Samples.Link));
        Assert.Contains("State  degraded (demo-b is down)", one, StringComparison.Ordinal);
    }

    [Fact]
    public void Node_One_ShowsDataPlaneFeaturesAndInterfaces()
    {
        AssertText(
            """
            Host            node-1
            Kernel          6.18.5 x86_64
            nf-service      0.1.0
            Data plane      connected, version 0.1.0, pid 77
            Generation      4, adopted what the last one left
            Worker CPUs     1
            Started         1970-01-02 00:00:00Z
            Last heartbeat  12ms ago

            Features
            FEATURE   PRESENT  DETAIL
            xdp_link  yes      6.18

            Interfaces
            INDEX  NAME     DRIVER  STATE   MTU  RXQ  TXQ  NUMA  XDP FEATURES    PROGRAM  XSK QUEUES
                3  nfdemoa  veth    up     1500    1    1  -     basic,redirect       41  0
            """,
            NodeTables.One(Samples.Node));
    }

    [Fact]
    public void Node_WithoutDataPlane_SaysSo()
    {
        Assert.Contains("Data plane  not connected", Render(NodeTables.One(new Node())), StringComparison.Ordinal);
    }

    [Fact]
    public void Stats_One_ShowsExactCounters()
    {
        AssertText(
            """
            Ports
            PORT    INTERFACE  QUEUE  MODE  STATE  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  DROPS
            demo-a  nfdemoa        0  copy  bound        1000   1500000         500     33000  no_link 10

            Links
            LINK  A>B PACKETS  A>B BYTES  B>A PACKETS  B>A BYTES
            demo         1000    1500000            0          0

            UMEMs
            UMEM  CHUNKS  FREE  FILL  TX  WILD COMPLETIONS
            demo    8192  4096  4000  96                 0

            Workers
            CPU   BUSY  PACKETS  POLLS  SLEEPS
              1  25.0%     1000     10       2
            """,
            StatsTables.One(Samples.StatsAt(1, 1000)));
    }

    [Fact]
    public void Watch_Screen_ShowsRates()
    {
        Rates rates = RateMeter.Between(Samples.StatsAt(0, 0), Samples.StatsAt(2, 2_469_000));

        AssertText(
            """
            00:00:02Z  generation 4

            PORT    INTERFACE  QUEUE  MODE  STATE  IN pps  OUT pps  IN Gbit/s  OUT Gbit/s  DROPS/s
            demo-a  nfdemoa        0  copy  bound  1.23 M    617 k     14.814       0.326  no_link 12.3 k

            LINK  A>B pps  A>B Gbit/s  B>A pps  B>A Gbit/s
            demo   1.23 M      14.814        0       0.000

            WORKER   BUSY     pps
            cpu 1   25.0%  1.23 M
            """,
            RateTables.Draw(rates, ""));
    }

    [Fact]
    public void Cell_EscapeSequence_IsShownNotSent()
    {
        Assert.Contains(
            "\\x1b[2Jevil", Render(LinkTables.List([new Link { Name = "\e[2Jevil" }])), StringComparison.Ordinal);
    }

    [Fact]
    public void Event_Line_HasKindResourceAndAttributes()
    {
        Assert.Equal(
            "1970-01-01T00:00:00.000Z  #12  interface-changed  interface/nfdemoa  went down (from=up, to=down)",
            EventLine.Format(Samples.Event, color: false));
    }

    private static void AssertText(string expected, IReadOnlyList<Grid> grids)
    {
        Assert.Equal(expected + "\n", Render(grids));
    }

    private static string Render(IReadOnlyList<Grid> grids)
    {
        using var output = new StringWriter();
        PlainText.Write(output, grids);
        return output.ToString();
    }
}
