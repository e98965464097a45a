using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>
/// What was given up is RELEASING for as long as the kernel has a hold on it: here because somebody else has a
/// descriptor of the socket, or has registered the same memory.
/// </summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class ReleasingTests
{
    [Fact]
    public void UnbindAndDelete_DescriptorOfTheSocketIsOpenElsewhere_AreReleasingUntilItIsClosed()
    {
        using var pairs = new TwoPairs();
        ControlLife life = pairs.Life;
        life.CreateUmem("u");
        life.CreateUmem("other");
        life.Bind("s", pairs.Spec("u", VethLab.Device));
        XskResource socket = life.Resources.Socket("s");
        FileDescriptor held = socket.Binding!.Socket.Descriptor.Duplicate();

        life.Unbind("s");

        XskSocketStatus status = socket.Describe().Status;
        Assert.Equal(XskState.Releasing, status.State);
        Assert.Contains("has not let go", status.StateReason, StringComparison.Ordinal);
        Assert.False(status.NeedWakeup);
        ChunkLedger ledger = life.Resources.Umem("u").Audit();
        Assert.Equal((128ul, 384ul, true), (ledger.Releasing, ledger.Free, ledger.Closed));
        CheckNameTaken(() => life.Bind("s", pairs.Spec("u", TwoPairs.SecondDevice)), "socket \"s\" is being released");
        Assert.Equal("QUEUE_TAKEN", ControlLife.Fault(() => life.Bind("t", pairs.Spec("other", VethLab.Device))));
        Assert.DoesNotContain("xsk/s", pairs.Keeper.Keys);

        life.Umems.Delete("u");
        Assert.Equal(UmemState.Releasing, life.Resources.Umem("u").Describe().Status.State);
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => life.Bind("t", pairs.Spec("u", VethLab.Device))));
        Assert.DoesNotContain(life.Events, e => e.Kind == EventKind.Deleted);

        held.Dispose();
        life.Until(() => life.Resources.Umems.Count == 1, "the UMEM to be released");
        Assert.Empty(life.Resources.Sockets);
        Assert.Equal(["s", "u"], life.Events.Where(e => e.Kind == EventKind.Deleted).Select(e => e.ResourceName));
        life.Bind("s", pairs.Spec("other", VethLab.Device));
    }

    [Fact]
    public unsafe void Delete_PagesArePinnedByAnotherSocket_IsReleasingUntilItIsClosed()
    {
        using var keeper = new FakeKeeper();
        using var life = new ControlLife(keeper);
        life.CreateUmem("u");
        UmemResource umem = life.Resources.Umem("u");
        AfXdpSocket other = AfXdpSocket.Create();
        other.RegisterUmem(umem.Memory.Geometry.ToRegistration((ulong)umem.Memory.Base));

        life.Umems.Delete("u");

        Assert.Equal(UmemState.Releasing, umem.Describe().Status.State);
        Assert.Equal((512ul, true), (umem.Audit().Releasing, umem.Audit().Closed));
        Assert.False(life.Umems.TryFinishRelease(umem));
        CheckNameTaken(() => life.CreateUmem("u"), "UMEM \"u\" is being released");
        life.Umems.Delete("u");
        Assert.Equal((uint)UmemState.Releasing, life.Segment.Umem(umem.Slot).Identity.State);

        other.Dispose();
        life.Until(() => life.Resources.Umems.Count == 0, "the UMEM to be released");
        life.CreateUmem("u");
    }

    // Taken for now: whoever asks again later gets it.
    private static void CheckNameTaken(Action action, string message)
    {
        var fault = Assert.Throws<Faults.CommandFaultException>(action);
        Assert.Equal(("NAME_TAKEN", Errno.EBUSY), (fault.Reason, fault.Errno));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }
}
