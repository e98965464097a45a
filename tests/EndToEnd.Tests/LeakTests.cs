using System.Globalization;
using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>What is deleted leaves nothing behind, in us or in the kernel.</summary>
[Trait("Tier", "e2e")]
public sealed class LeakTests(ITestOutputHelper output) : EndToEndTest(output)
{
    private const int WarmUpCycles = 50;
    private const int Cycles = 1_000;
    private const int HugePagesNeeded = 4;

    // The kernel takes a namespace apart in the background, usually within a second.
    private static readonly TimeSpan NamespacePatience = TimeSpan.FromSeconds(10);

    // The runtime maps and unmaps its own heap and code; a leak of one mapping a cycle would be a thousand.
    private const int PrivateMappingsSlack = 60;

    // Each kind of memory and of socket that a veth has, in turn.
    private static readonly object[] Variants =
    [
        new { umem = new { size_bytes = "1048576" }, xsk = new { } },
        new
        {
            umem = new { size_bytes = "1048576", chunk_size_bytes = 3000, unaligned = true },
            xsk = new { no_need_wakeup = true },
        },
        new { umem = new { size_bytes = "1048576", chunk_size_bytes = 4096 }, xsk = new { scatter_gather = true } },
        new
        {
            umem = new { size_bytes = "2097152", page_size = "PAGE_SIZE_2MIB" },
            xsk = new { xdp_mode = "XDP_MODE_GENERIC" },
        },
        new
        {
            umem = new { size_bytes = "1048576", tx_metadata_bytes = 16 },
            xsk = new { busy_poll = new { timeout_us = 20, budget = 64 } },
        },
    ];

    private readonly ITestOutputHelper _output = output;

    [Fact]
    public async Task CreateAndDelete_ThousandTimesInEveryVariant_LeavesEverythingAsItWas()
    {
        using var pages = new HugePages(HugePagesNeeded);
        await CycleAsync(WarmUpCycles);
        Snapshot before = await SettledAsync(null);
        JsonNode done = await CycleAsync(Cycles);
        Snapshot after = await SettledAsync(before);
        _output.WriteLine($"{done}\nbefore: {before}\nafter: {after}");

        Assert.Equal(Cycles / Variants.Length, done["pages"]!["PAGE_SIZE_2MIB"]!.GetValue<int>());
        Assert.Equal(before.DataPlane, after.DataPlane);
        Assert.Equal(before.Keeper, after.Keeper);
        Assert.Equal(before.Service, after.Service);
        Assert.Equal(before.Bpf, after.Bpf);
        Assert.All(before.PrivateMappings.Zip(after.PrivateMappings), pair =>
            Assert.InRange(pair.Second, 0, pair.First + PrivateMappingsSlack));
        Assert.True(await NamespaceEndsAsync());
    }

    // The checks of the test above find what is there to be found.
    [Fact]
    public async Task Snapshot_WithAUmemOrASocketMore_Differs()
    {
        Snapshot nothing = await SettledAsync(null);
        await Node.UmemAsync("u0");
        Snapshot umem = await SettledAsync(null);
        Assert.NotEqual(nothing.DataPlane, umem.DataPlane);
        Assert.NotEqual(nothing.Keeper, umem.Keeper);
        Assert.Equal(nothing.Bpf, umem.Bpf);

        await Node.SocketAsync("s0", "u0", Middle, "near0");
        Snapshot socket = await SettledAsync(null);
        Assert.NotEqual(umem.DataPlane.SharedMappings, socket.DataPlane.SharedMappings);
        Assert.NotEqual(umem.Keeper.Descriptors, socket.Keeper.Descriptors);
        Assert.NotEqual(umem.Bpf, socket.Bpf);
        Assert.False(await NamespaceEndsAsync());
    }

    private Task<JsonNode> CycleAsync(int count) => Client.CallAsync("cycle", new
    {
        count,
        variants = Variants,
        interfaces = new[] { "near0", "near1" },
        @namespace = Middle.Path,
    });

    /// <summary>
    /// Takes the name of the middle namespace away, and says whether that was the end of it: then the cable into it is
    /// gone, too. A descriptor, socket or mount of ours would keep it alive.
    /// </summary>
    private async Task<bool> NamespaceEndsAsync()
    {
        await Middle.DisposeAsync();
        try
        {
            await Eventually.TrueAsync("the namespace ends", async () =>
                !(await Left.IpAsync("-o", "link", "show")).Contains("left0", StringComparison.Ordinal),
                NamespacePatience);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>
    /// A snapshot once nothing is being released any more; with another to compare with, once equal to it, or as it is
    /// when patience is at its end: the kernel lets go of sockets in its own time.
    /// </summary>
    private async Task<Snapshot> SettledAsync(Snapshot? wanted)
    {
        Snapshot? last = null;
        try
        {
            return await Eventually.GetAsync("the kernel let go", async () =>
            {
                Snapshot now = await TakeAsync();
                bool settled = wanted is null ? last is not null && now.SameAs(last) : now.SameAs(wanted);
                last = now;
                return settled ? now : null;
            });
        }
        catch (TimeoutException) when (last is not null)
        {
            return last;
        }
    }

    private async Task<Snapshot> TakeAsync()
    {
        int plane = Node.Pid(await Node.ConnectedAsync());
        int[] pids = [plane, Node.KeeperPid, Node.ServicePid];
        string bpf = await BpfAsync(plane, Node.KeeperPid);
        Holdings[] held = [.. pids.Select(pid => new Holdings(
            string.Join('\n', ProcessTable.Descriptors(pid)), string.Join('\n', ProcessTable.SharedMappings(pid))))];
        return new Snapshot(
            held[0], held[1], held[2], bpf, [.. pids.Select(ProcessTable.PrivateMappingCount)]);
    }

    /// <summary>
    /// BPF objects that our processes hold, and programs on the interfaces. Nothing is pinned, so nothing else can
    /// keep one alive; what the rest of the machine holds is not counted.
    /// </summary>
    private async Task<string> BpfAsync(params int[] pids)
    {
        List<string> counts = [];
        foreach (string kind in new[] { "prog_id", "map_id", "link_id" })
        {
            counts.Add(string.Create(
                CultureInfo.InvariantCulture, $"{kind} {pids.Sum(pid => ProcessTable.DescriptorsWith(pid, kind))}"));
        }

        string links = await Middle.IpAsync("-d", "link", "show");
        return $"{string.Join(", ", counts)}, attached {links.Split("prog/xdp").Length - 1}";
    }

    /// <summary>What a process has open and maps. All mappings of ours are shared ones.</summary>
    private sealed record Holdings(string Descriptors, string SharedMappings);

    private sealed record Snapshot(
        Holdings DataPlane, Holdings Keeper, Holdings Service, string Bpf, IReadOnlyList<int> PrivateMappings)
    {
        internal bool SameAs(Snapshot other) => this with { PrivateMappings = other.PrivateMappings } == other;
    }
}
