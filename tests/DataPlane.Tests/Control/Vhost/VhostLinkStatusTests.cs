using System.Buffers.Binary;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>The link of a guest is up while what it sends can arrive somewhere, and it is told of changes.</summary>
public sealed class VhostLinkStatusTests : IDisposable
{
    private const uint ConfigChange = 2; // VHOST_USER_BACKEND_CONFIG_CHANGE_MSG

    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Link_OtherEndComesAndGoes_StatusFollowsAndTheGuestIsTold()
    {
        (ScriptedFrontEnd a, UnixStreamSocket channel) = Told("a");
        using (a)
        using (channel)
        {
            _rig.Create("b");
            Execute(new Command { CreateLink = new CreateLink { Link = LinkOf("a", "b") } });
            Assert.Equal((ushort)0, Status(a));
            AssertQuiet(channel);

            using (_rig.Start("b"))
            {
                _rig.UntilState("b", VhostState.Started);
                AssertTold(channel);
                Assert.Equal((ushort)1, Status(a));
                Assert.True(_rig.Status("a").LinkUp);
                AssertQuiet(channel);
            }

            _rig.UntilState("b", VhostState.Listening);
            AssertTold(channel);
            Assert.Equal((ushort)0, Status(a));
            Assert.False(_rig.Status("a").LinkUp);
        }
    }

    [Fact]
    public void Connection_MadeAndDeleted_IsALinkThatComesAndGoes()
    {
        (ScriptedFrontEnd a, UnixStreamSocket channel) = Told("a");
        using (a)
        using (channel)
        {
            _rig.Create("b");
            Execute(new Command
            {
                CreateBridge = new CreateBridge
                {
                    Bridge = new Bridge
                    {
                        Name = "br",
                        Spec = new BridgeSpec
                        {
                            Endpoints = { new Endpoint { VhostDevice = "a" }, new Endpoint { VhostDevice = "b" } },
                        },
                    },
                },
            });

            // Nobody else is there yet: a place on a switch is up all the same.
            AssertTold(channel);
            Assert.Equal((ushort)1, Status(a));
            Execute(new Command { DeleteBridge = new DeleteBridge { Name = "br" } });
            AssertTold(channel);
            Assert.Equal((ushort)0, Status(a));

            Execute(new Command { CreateLink = new CreateLink { Link = LinkOf("a", "a") } });
            AssertTold(channel);
            Assert.Equal((ushort)1, Status(a));
            Execute(new Command { DeleteLink = new DeleteLink { Name = "l" } });
            AssertTold(channel);
            Assert.Equal((ushort)0, Status(a));
        }
    }

    // A guest is not told what it knows; what changed while nobody was there it is.
    [Fact]
    public void Die_Linked_ToldOnlyOfWhatChanged()
    {
        (ScriptedFrontEnd a, UnixStreamSocket channel) = Told("a");
        using (a)
        using (channel)
        {
            _rig.Create("b");
            Execute(new Command { CreateLink = new CreateLink { Link = LinkOf("a", "b") } });
            ScriptedFrontEnd b = _rig.Start("b");
            _rig.UntilState("b", VhostState.Started);
            AssertTold(channel);

            _rig.Die();
            Assert.Empty(_rig.Life.AdoptionFaults);
            Assert.Equal((ushort)1, Status(a));
            AssertQuiet(channel);

            _rig.Die(b.Dispose);
            _rig.UntilState("b", VhostState.Listening);
            AssertTold(channel);
            Assert.Equal((ushort)0, Status(a));
        }
    }

    // A front-end without the back-end channel is not told, and loses nothing.
    [Fact]
    public void Link_FrontEndWithoutChannel_ReadsTheStatusAllTheSame()
    {
        _rig.Create("a");
        ScriptedFrontEnd? a = null;
        _rig.Life.Serve(() =>
        {
            a = new ScriptedFrontEnd(UnixStreamSocket.Connect(_rig.Path("a")))
            {
                Protocol = ScriptedFrontEnd.ProtocolReplyAck | ScriptedFrontEnd.ProtocolConfig,
            };
            a.Start(ScriptedFrontEnd.Version1 | ScriptedFrontEnd.LinkStatus);
        });
        using (a)
        {
            Execute(new Command { CreateLink = new CreateLink { Link = LinkOf("a", "a") } });
            Assert.Equal((ushort)1, Status(a!));
        }
    }

    private (ScriptedFrontEnd Guest, UnixStreamSocket Channel) Told(string name)
    {
        _rig.Create(name);
        ScriptedFrontEnd? guest = null;
        UnixStreamSocket? channel = null;
        _rig.Life.Serve(() =>
        {
            guest = new ScriptedFrontEnd(UnixStreamSocket.Connect(_rig.Path(name)))
            {
                Protocol = ScriptedFrontEnd.ProtocolReplyAck | ScriptedFrontEnd.ProtocolConfig
                    | ScriptedFrontEnd.ProtocolBackendRequest,
            };
            guest.Start(ScriptedFrontEnd.Version1 | ScriptedFrontEnd.LinkStatus);
            channel = guest.OpenChannel();
        });
        return (guest!, channel!);
    }

    private static Link LinkOf(string a, string b) => new()
    {
        Name = "l",
        Spec = new LinkSpec { A = new Endpoint { VhostDevice = a }, B = new Endpoint { VhostDevice = b } },
    };

    private void Execute(Command command) => Assert.Null(_rig.Life.Dispatcher.Execute(command)[0].Fault);

    private ushort Status(ScriptedFrontEnd guest)
    {
        ushort status = 0;
        _rig.Life.Serve(() => status = guest.ReadLinkStatus());
        return status;
    }

    private void AssertTold(UnixStreamSocket channel)
    {
        var message = new byte[64];
        int length = 0;
        _rig.Until(
            () => channel.TryReceive(message, out length, []) == TransferStatus.Done, "a change to be told of");
        Assert.Equal((12, ConfigChange), (length, BinaryPrimitives.ReadUInt32LittleEndian(message)));
    }

    private static void AssertQuiet(UnixStreamSocket channel) =>
        Assert.Equal(TransferStatus.WouldBlock, channel.TryReceive(new byte[64], out _, []));
}
