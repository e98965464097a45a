using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;

namespace Nf.Service.Tests;

/// <summary>Tokens and leases, as a caller of the service sees them.</summary>
public sealed class LeaseTests
{
    public static TheoryData<string, Action<BindXskSocketRequest>, string> Wrong => new()
    {
        { "UMEM", r => r.Spec.Umem = "u", "spec.umem" },
        { "no device", r => r.Spec.ClearDevice(), "spec.device" },
        { "queue", r => r.Spec.Queue = 65536, "spec.queue" },
        { "name", r => r.Name = "A", "name" },
        { "memory", r => r.LeaseTerms = new LeaseTerms { MemoryBytesMax = 1ul << 40 }, "lease_terms.memory_bytes_max" },
        { "keep", r => r.LeaseTerms = Keep(3601), "lease_terms.keep_max" },
        { "negative", r => r.LeaseTerms = Keep(-1), "lease_terms.keep_max" },
    };

    [Fact]
    public async Task Bind_OwnerClient_AnswersWithATokenAndBindsNothing()
    {
        await using RunningService service = await RunningService.StartAsync();
        service.DataPlane.OnCommand = command => command.CommandCase == Kind.IssueLeaseToken
            ? [new Reply { LeaseToken = new LeaseToken { Token = ByteString.CopyFrom(new byte[32]) } }]
            : null;

        BindXskSocketResponse answer = await service.Sockets.BindXskSocketAsync(Request());

        Assert.Equal(32, answer.LeaseToken.Token.Length);
        Assert.Null(answer.XskSocket.Status);
        Assert.Equal("pod", service.DataPlane.Commands.Single().IssueLeaseToken.Name);
        Assert.Empty((await service.Sockets.ListXskSocketsAsync(new ListXskSocketsRequest())).XskSockets);
    }

    [Fact]
    public async Task Bind_OwnerClientValidateOnly_IssuesNothing()
    {
        await using RunningService service = await RunningService.StartAsync();
        BindXskSocketRequest request = Request();
        request.ValidateOnly = true;
        Assert.Null((await service.Sockets.BindXskSocketAsync(request)).LeaseToken);
        Assert.Empty(service.DataPlane.Commands);
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongField_NamesThatFieldOnly(string why, Action<BindXskSocketRequest> change, string field)
    {
        BindXskSocketRequest request = Request();
        change(request);
        var error = Assert.Throws<InvalidSpecException>(() => DesiredLeaseToken.From(request));
        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Fact]
    public async Task Leases_OfTheDataPlane_AreListedCountedAndRevoked()
    {
        await using RunningService service = await RunningService.StartAsync();
        service.DataPlane.OnCommand = command => command.CommandCase switch
        {
            Kind.GetInventory => [new Reply { Inventory = Running() }],
            Kind.RevokeLease when command.RevokeLease.Id == 2 => [new Reply { Done = new Done() }],
            Kind.RevokeLease => [FakeInventory.Fault("UNKNOWN_RESOURCE", Errno.ENOENT)],
            _ => null,
        };

        ListLeasesResponse page = await service.Leases.ListLeasesAsync(
            new ListLeasesRequest { Page = new Page { Size = 2 } });
        Assert.Equal([2ul, 10ul], page.Leases.Select(lease => lease.Id));
        page = await service.Leases.ListLeasesAsync(
            new ListLeasesRequest { Page = new Page { Size = 2, Token = page.NextPageToken } });
        Assert.Equal([11ul], page.Leases.Select(lease => lease.Id));
        await service.Leases.RevokeLeaseAsync(new RevokeLeaseRequest { Id = 2 });
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await service.Leases.RevokeLeaseAsync(new RevokeLeaseRequest { Id = 3 }));
        Assert.Equal(StatusCode.NotFound, error.StatusCode);

        using HttpClient http = service.NewHttpClient();
        string text = await http.GetStringAsync("/metrics");
        Assert.Contains("nf_leases{held=\"true\",uid=\"1000\"} 2", text, StringComparison.Ordinal);
        Assert.Contains("nf_leases{held=\"false\",uid=\"7\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("nf_lease_memory_bytes{uid=\"1000\"} 8192", text, StringComparison.Ordinal);
    }

    private static Inventory Running() => new()
    {
        Leases =
        {
            new Lease { Id = 10, Uid = 1000, Held = true, MemoryBytes = 4096 },
            new Lease { Id = 2, Uid = 1000, Held = true, MemoryBytes = 4096 },
            new Lease { Id = 11, Uid = 7, MemoryBytes = 4096 },
        },
    };

    private static LeaseTerms Keep(long seconds) => new() { KeepMax = new Duration { Seconds = seconds } };

    private static BindXskSocketRequest Request() => new()
    {
        Name = "pod",
        Spec = new XskSocketSpec { Interface = "veth0", Owner = XskOwner.Client },
    };
}
