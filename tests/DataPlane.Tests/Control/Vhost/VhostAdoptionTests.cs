using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

public sealed class VhostAdoptionTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Die_Connected_GuestsGoOnWithoutNoticing()
    {
        _rig.Create("a");
        _rig.Create("b");
        using ScriptedFrontEnd a = _rig.Start("a");
        using ScriptedFrontEnd b = _rig.Start("b");
        a.Rings[0].Fill();
        b.Rings[0].Fill();
        _rig.Link("l", "a", "b");
        for (byte round = 0; round < 5; round++)
        {
            // More than a ring holds, so that its indexes are somewhere in the middle.
            for (byte i = 0; i < 50; i++)
            {
                _rig.Pass(a, b, i);
                _rig.Pass(b, a, i);
            }

            _rig.Die(() => Assert.True(a.Rings[1].TrySend(VhostRig.Frame(200))));

            Assert.Empty(_rig.Life.AdoptionFaults);
            byte[]? arrived = null;
            _rig.Until(() => (arrived = b.Rings[0].TryReceive()) is not null, "the frame sent between two lives");
            Assert.Equal(VhostRig.Frame(200), arrived);
            Assert.Equal(VhostState.Started, _rig.Device("a").State);
        }

        VhostDeviceStatus status = _rig.Status("a");
        Assert.Equal((1ul, (uint)Environment.ProcessId), (status.Connections, status.PeerPid));
        Assert.Equal("l", status.Link);
        _rig.Life.Serve(() =>
        {
            Assert.NotEqual(0ul, a.GetNumber(1));
            a.StopRing(1);
        });
        _rig.UntilState("a", VhostState.Connected);
    }

    [Fact]
    public void Die_SeveralPairs_AllDescriptorsAreThereAgain()
    {
        _rig.Create("v", spec => spec.QueuePairs = 8);
        using ScriptedFrontEnd frontEnd = _rig.Start("v", pairs: 8);
        Assert.True(_rig.Keeper.Keys.Count(key => key.StartsWith("vhost-part/v/", StringComparison.Ordinal)) > 2);
        _rig.Link("loop", "v", "v");

        _rig.Die();

        Assert.Empty(_rig.Life.AdoptionFaults);
        for (byte pair = 0; pair < 8; pair++)
        {
            frontEnd.Rings[2 * pair].Fill();
            _rig.Pass(frontEnd, frontEnd, pair, (2 * pair) + 1, 2 * pair);
            Assert.True(frontEnd.Rings[2 * pair].Call.TryDrain(), $"pair {pair} was not called");
        }

        frontEnd.Dispose();
        _rig.UntilState("v", VhostState.Listening);
        Assert.DoesNotContain(_rig.Keeper.Keys, key => key.StartsWith("vhost-part/", StringComparison.Ordinal));
    }

    [Fact]
    public void Die_FrontEndConnectsMeanwhile_IsServedByTheNextLife()
    {
        _rig.Create("v");
        ScriptedFrontEnd? early = null;

        _rig.Die(() => early = ScriptedFrontEnd.Connect(_rig.Path("v")));

        using ScriptedFrontEnd frontEnd = early!;
        _rig.Life.Serve(() => frontEnd.Start());
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Die_FrontEndLeavesMeanwhile_NextLifeListensAgain()
    {
        _rig.Create("v");
        ScriptedFrontEnd frontEnd = _rig.Start("v");

        _rig.Die(frontEnd.Dispose);

        _rig.UntilState("v", VhostState.Listening);
        using ScriptedFrontEnd again = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Die_MessageInHand_ConnectionIsClosedAndTheListenerStays()
    {
        _rig.Create("v");
        using ScriptedFrontEnd frontEnd = _rig.Start("v");
        frontEnd.SendRaw([1, 0, 0, 0, 1]);
        _rig.Until(() => IsBusy("v"), "half a message to be read");

        _rig.Die();

        _rig.Life.Serve(frontEnd.WaitForEnd);
        Assert.Contains(
            _rig.Life.AdoptionFaults, fault => fault.Contains("message", StringComparison.Ordinal));
        Assert.Contains("restarted", _rig.Status("v").LastDisconnect, StringComparison.Ordinal);
        using ScriptedFrontEnd again = _rig.Start("v");
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Die_PartMissing_ConnectionIsClosedAndTheListenerStays()
    {
        _rig.Create("v", spec => spec.QueuePairs = 4);
        using ScriptedFrontEnd frontEnd = _rig.Start("v", pairs: 4);
        string part = _rig.Keeper.Keys.Last(key => key.StartsWith("vhost-part/", StringComparison.Ordinal));

        _rig.Life.Resources.Store.Drop(part);
        _rig.Die();

        _rig.Life.Serve(frontEnd.WaitForEnd);
        Assert.NotEmpty(_rig.Life.AdoptionFaults);
        Assert.DoesNotContain(_rig.Keeper.Keys, key => key.StartsWith("vhost-part/", StringComparison.Ordinal));
        using ScriptedFrontEnd again = _rig.Start("v", pairs: 4);
        _rig.UntilState("v", VhostState.Started);
    }

    [Fact]
    public void Die_PartsNobodyNames_AreDropped()
    {
        _rig.Create("v");
        using EventFd leftover = EventFd.Create();
        _rig.Life.Resources.Store.Put("vhost-part/v/77", leftover.Descriptor);
        _rig.Life.Resources.Store.Put("vhost-part/gone/1", leftover.Descriptor);

        _rig.Die();

        Assert.DoesNotContain(_rig.Keeper.Keys, key => key.StartsWith("vhost-part/", StringComparison.Ordinal));
    }

    [Fact]
    public void Die_Client_ConnectsAgainWhereNobodyWas()
    {
        _rig.Create("v", spec => spec.Role = VhostRole.Client);
        _rig.Die();
        Assert.Equal(VhostState.Connecting, _rig.Device("v").State);
        using UnixStreamSocket listener = UnixStreamSocket.Listen(_rig.Path("v"));

        _rig.Life.Serve(() =>
        {
            using var frontEnd = new ScriptedFrontEnd(listener.Accept());
            frontEnd.Start();
        });
    }

    [Fact]
    public void Die_RecordsOfAnotherShape_DeviceIsNotAdopted()
    {
        _rig.Create("v");
        VhostResource device = _rig.Device("v");
        device.Records.File.Truncate(1 << 16);

        _rig.Die();

        Assert.Contains(_rig.Life.AdoptionFaults, fault => fault.StartsWith("vhost/v", StringComparison.Ordinal));
        Assert.Empty(_rig.Life.Resources.VhostDevices);
        _rig.Create("v");
    }

    private unsafe bool IsBusy(string name) => _rig.Device(name).Records.Session->Busy != 0;
}
