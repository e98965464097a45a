using Google.Protobuf.WellKnownTypes;
using Nf.Client;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using Command = Nf.Internal.V1.Command;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>Tokens of the control plane: good for one lease, whatever the policy says.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class TokenTests
{
    private const string NobodyMay = """{ "rules": [{ "uids": [12345] }] }""";

    [Fact]
    public void Token_ShownOnce_LendsExactlyWhatItSays()
    {
        using var lab = new LeaseLab(NobodyMay);
        byte[] token = Issue(lab, "pod");
        using BrokerClient client = lab.Connect(token);
        Assert.Equal((1u, 1u), (client.Info.HasToken, client.Info.LeaseCountMax));
        Assert.Equal(Errno.EACCES, ConnectFails(lab, token));

        BrokerException refusal = lab.Refusal(client, lab.Options with { KeepFor = TimeSpan.FromSeconds(1) });
        Assert.Contains("keep_seconds 1: at most 0", refusal.Message, StringComparison.Ordinal);
        refusal = lab.Refusal(client, lab.Options with { ChunkCount = 1024 });
        Assert.Contains("memory_bytes", refusal.Message, StringComparison.Ordinal);
        refusal = lab.Refusal(client, lab.Options with { Interface = "lo" });
        Assert.Contains("it is for another interface", refusal.Message, StringComparison.Ordinal);
        XskLease lease = lab.Lease(client);

        V1.Lease told = Assert.Single(lab.Life.Commands.Leases.Describe());
        Assert.Equal((lease.Id, "pod", true), (told.Id, told.TokenName, told.Held));
        lab.Life.Commands.Leases.Revoke(lease.Id);
        lab.Event(client, e => e.State == SharedMemory.Broker.LeaseState.Released);
        Assert.Contains(
            "used for its one lease", lab.Refusal(client, lab.Options).Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    [Fact]
    public void Token_RevokedReplacedOrOver_IsGoodForNothing()
    {
        using var lab = new LeaseLab(NobodyMay);
        byte[] revoked = Issue(lab, "a");
        lab.Life.Commands.Leases.RevokeToken("a");
        byte[] replaced = Issue(lab, "b");
        byte[] good = Issue(lab, "b");
        byte[] over = Issue(lab, "c", validFor: TimeSpan.Zero);
        foreach (byte[] bad in new[] { revoked, replaced, over, new byte[31].Prepend((byte)1).ToArray() })
        {
            Assert.Equal(Errno.EACCES, ConnectFails(lab, bad));
        }

        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => lab.Life.Commands.Leases.RevokeToken("a")));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => lab.Life.Commands.Leases.Revoke(99)));
        Assert.Equal("INTERFACE_NOT_FOUND", ControlLife.Fault(() => Issue(lab, "d", device: "nfnone")));
        using BrokerClient client = lab.Connect(good);
        lab.Lease(client);
    }

    private static byte[] Issue(
        LeaseLab lab, string name, TimeSpan? validFor = null, string device = VethLab.Device)
    {
        Reply reply = lab.Life.Dispatcher.Execute(new Command
        {
            IssueLeaseToken = new IssueLeaseToken
            {
                Name = name,
                Spec = new XskSocketSpec
                {
                    Interface = device,
                    NetworkNamespace = new V1.NetworkNamespace { Path = lab.Veth.InnerPath },
                },
                Terms = new LeaseTerms
                {
                    MemoryBytesMax = (512 * 2048) + 4096,
                    ValidFor = validFor is { } time ? Duration.FromTimeSpan(time) : null,
                },
            },
        })[0];
        return reply.Fault is { } fault
            ? throw new Faults.CommandFaultException(fault.Reason, fault.Message, (Errno)fault.Errno)
            : reply.LeaseToken.Token.ToByteArray();
    }

    private static Errno ConnectFails(LeaseLab lab, byte[] token) =>
        Assert.Throws<BrokerException>(() => lab.Connect(token)).Errno;
}
