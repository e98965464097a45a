using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.V1;

namespace Nf.DataPlane.Tests.Review;

/// <summary>Another device in the place of the one that a socket was bound to.</summary>
[Trait("Tier", "kernel")]
public sealed class DeviceReplacedTests
{
    [Fact]
    public void Recheck_DeviceMadeAnewWithTheSameIndex_SocketIsLostAndRecovers()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        life.CreateUmem("u", 512);
        XskResource socket = life.Bound(lab, "s", "u");

        lab.Inside($"link del {VethLab.Device}");
        lab.Inside($"link add {VethLab.Device} index {lab.Ifindex} type veth peer name {VethLab.Peer}");
        life.Commands.Devices.Recheck(socket.NetworkIdentity);
        Assert.Equal(XskState.DeviceLost, socket.State);

        Assert.True(SpinWait.SpinUntil(
            () => life.Commands.Releaser.TryFinish(socket) && life.Commands.Sockets.TryRecover(socket),
            TimeSpan.FromSeconds(5)));
        Assert.True(socket.IsBound);
        Assert.Equal("", socket.Umem.Audit().Fault);
    }
}
