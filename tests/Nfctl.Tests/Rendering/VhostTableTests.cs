using Nf.Ctl.Rendering;
using Nf.Ctl.Watching;
using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

public class VhostTableTests
{
    [Fact]
    public void Devices_List_IsATable()
    {
        AssertText(
            """
            NAME  STATE      SOCKET            ROLE    PAIRS  RINGS         FRONT-END  USED BY      CPU
            vm1   broken     /run/nf/vm1.sock  server      1  1 of 2 split  pid 4711   link uplink    1
            vm2   listening  /run/nf/vm2.sock  server      2  -             -          -              1
            """,
            VhostTables.List([VhostSamples.Broken, VhostSamples.Idle]));
    }

    [Fact]
    public void Device_One_ExplainsAMisbehavingGuest()
    {
        AssertText(
            $"""
            Name            vm1
            Socket          /run/nf/vm1.sock (server, mode 0660)
            Queue pairs     1, rings of at most 1024
            State           broken (ring 1: {VhostSamples.Fault})
            Front-end       pid 4711, uid 107, connected for 3m5s
            Connections     2
            Last one ended  the front-end closed the connection
            Requests        31, the last SET_VRING_ENABLE
            Used by         link uplink (up)
            Worker CPU      1
            Features        CSUM, MRG_RXBUF
            Not taken       RING_PACKED
            Protocol        MQ, REPLY_ACK
            Header          12 B
            MAC             52:54:00:00:00:01
            MTU             1500
            Dirty log       active, 16 KiB

            Diagnosis
            - ring 1 (from the guest): given up: {VhostSamples.Fault}; it stays down until the guest resets the device
            - ring 1 (from the guest): 2 chains broke a rule and went back unused; the last, {VhostSamples.BadChain}

            Rings
            RING  CARRIES FRAMES  LAYOUT  SIZE  STATE             GUEST INDEX  NEXT  USED  PENDING
               0  to the guest    split    256  started, enabled          300    60    60      240
               1  from the guest  split    256  broken                    900   256   256      644

            Notifications
            RING  KICKED BY  CALLED BY  CALLS  SUPPRESSED  BAD CHAINS  LOGS USED
               0  eventfd    eventfd       40          20           0  no
               1  eventfd    nothing        0           0           2  no

            Memory
            GUEST ADDRESS     SIZE  FRONT-END ADDRESS  FILE OFFSET  STATE
            0x100000       512 MiB  0x7f0000000000     0x0          sealed

            Faults
            KIND  COUNT  LAST                  WHAT HAPPENED
            ring      1  1970-01-02 00:00:00Z  ring 1: {VhostSamples.Fault}; {VhostSamples.Untouched}
            """,
            VhostTables.One(VhostSamples.Broken));
    }

    [Fact]
    public void Device_NobodyConnected_ShowsNoTablesOfTheGuest()
    {
        AssertText(
            """
            Name         vm2
            Socket       /run/nf/vm2.sock (server, mode 0660)
            Queue pairs  2, rings of at most 1024
            State        listening
            Front-end    -
            Connections  0
            Used by      -
            Worker CPU   1

            Diagnosis
            - no front-end is connected
            """,
            VhostTables.One(VhostSamples.Idle));
    }

    [Fact]
    public void Ring_Packed_ShowsPositionsWithTheirWrapCounters()
    {
        VhostDevice device = VhostSamples.Idle.Clone();
        device.Status.Rings.Add(new VhostRing
        {
            Index = 1,
            FromGuest = true,
            Layout = VhostRingLayout.Packed,
            Size = 256,
            NextIndex = 7,
            NextWrap = true,
            UsedIndex = 250,
        });

        string text = Render(VhostTables.One(device));

        const string Positions = "packed   256  not started            -  7, wrap 1  250, wrap 0";
        Assert.Contains(Positions, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("VIRTIO_NET_F_MRG_RXBUF", "MRG_RXBUF")]
    [InlineData("VIRTIO_F_VERSION_1", "VERSION_1")]
    [InlineData("VIRTIO_RING_F_INDIRECT_DESC", "INDIRECT_DESC")]
    [InlineData("VHOST_F_LOG_ALL", "LOG_ALL")]
    [InlineData("VHOST_USER_F_PROTOCOL_FEATURES", "PROTOCOL_FEATURES")]
    [InlineData("VHOST_USER_PROTOCOL_F_MQ", "MQ")]
    [InlineData("bit 63", "bit 63")]
    public void ShortName_Feature_LosesItsPrefix(string feature, string name) =>
        Assert.Equal(name, VhostTables.ShortName(feature));

    [Fact]
    public void Devices_NobodyObserves_ShowNoGuess()
    {
        var unobserved = new VhostDevice { Name = "v", Spec = new VhostDeviceSpec { SocketPath = "/v" } };

        AssertText(
            """
            NAME  STATE  SOCKET  ROLE    PAIRS  RINGS  FRONT-END  USED BY  CPU
            v     -      /v      server      0  -      -          -          -
            """,
            VhostTables.List([unobserved]));
        Assert.EndsWith(
            "State        unknown, no data plane\n",
            Render(VhostTables.One(unobserved, Names.NoDataPlane)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Bridges_ListAndOne_ShowPortsAndWhy()
    {
        AssertText(
            """
            NAME  STATE     ENTRIES  FLOODED  ENDPOINTS
            br    degraded        3        2  vhost:vm1  up0,up1
            """,
            BridgeTables.List([VhostSamples.Bridge]));
        AssertText(
            """
            Name             br
            Forgets after    5m0s
            Entries at most  4096, on one endpoint 1024
            State            degraded (vm1 is broken)
            Entries          3
            Learned          5, moved 1, aged 1
            Flooded          2 packets
            Not learned      4 packets: the table is full

            Ports
            PORT  ENDPOINT   STATE  ENTRIES  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  FLOODED  DROPPED
               0  vhost:vm1  down         1          10       640           0         0        2        0
               1  up0,up1    up           2           0         0          12       768        0        3
            """,
            BridgeTables.One(VhostSamples.Bridge));
    }

    [Fact]
    public void Bridge_Entries_NameTheirEndpoints()
    {
        AssertText(
            """
            MAC                PORT  ENDPOINT       HEARD
            52:54:00:00:00:01     0  vhost:vm1     3s ago
            52:54:00:00:00:02     1  up0,up1    1m10s ago
            52:54:00:00:00:03     1  up0,up1      0ms ago
            """,
            BridgeTables.Entries(VhostSamples.Entries, VhostSamples.Bridge));
    }

    [Fact]
    public void Link_OfADevice_IsWrittenAsItIsTyped()
    {
        var link = new Link
        {
            Name = "l",
            Spec = new LinkSpec { A = new Endpoint { VhostDevice = "vm1" }, B = new Endpoint { XskSockets = { "s" } } },
        };

        Assert.Contains("vhost:vm1  s", Render(LinkTables.List([link])), StringComparison.Ordinal);
    }

    [Fact]
    public void Stats_OfADevice_HaveTablesOfTheirOwn()
    {
        AssertText(
            """
            Ports
            PORT       INTERFACE  QUEUE  MODE   STATE    RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  DROPS
            vhost:vm1  -              0  vhost  started        1000    100000           0         0  -
            vhost:vm1  -              1  vhost  started        2000    200000           0         0  -

            vhost-user: notifications, faults, and buffers waiting in the rings
            PORT       PAIR  KICKS  CALLS  SUPPRESSED  BAD CHAINS  RING FAULTS  TO GUEST  FROM GUEST
            vhost:vm1     0      3     40          20           0            0       240           1
            vhost:vm1     1      3     40          20           1            0       240           1

            Links
            none

            Bridges
            BRIDGE  ENTRIES  LEARNED  MOVED  AGED  FLOODED  DROPPED  TABLE FULL
            br            3        5      1     0        2        3           0

            UMEMs
            none

            Workers
            none
            """,
            StatsTables.One(VhostSamples.StatsAt(1, 1000)));
    }

    [Fact]
    public void Rates_OfTwoPairs_AreToldApart()
    {
        Rates rates = RateMeter.Between(VhostSamples.StatsAt(1, 1000), VhostSamples.StatsAt(2, 3000));

        AssertText(
            """
            00:00:02Z  generation 4

            PORT       INTERFACE  QUEUE  MODE   STATE    IN pps  OUT pps  IN Gbit/s  OUT Gbit/s  DROPS/s
            vhost:vm1  -              0  vhost  started  2.00 k        0      0.002       0.000  0
            vhost:vm1  -              1  vhost  started  4.00 k        0      0.003       0.000  0

            no links

            no workers
            """,
            RateTables.Draw(rates, ""));
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
