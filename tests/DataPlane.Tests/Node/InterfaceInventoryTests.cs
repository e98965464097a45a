using System.Text.Json;
using Nf.DataPlane.Node;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using NetworkInterface = Nf.V1.NetworkInterface;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Node;

[Trait("Tier", "kernel")]
public sealed class InterfaceInventoryTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create(rxQueues: 2);

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Read_Namespace_AgreesWithIp()
    {
        _lab.Inside($"link set {VethLab.Device} mtu 1400");

        Dictionary<string, NetworkInterface> found = ReadByName();

        using JsonDocument links = JsonDocument.Parse(_lab.Inside("-j -d link"));
        Assert.Equal(links.RootElement.GetArrayLength(), found.Count);
        foreach (JsonElement link in links.RootElement.EnumerateArray())
        {
            NetworkInterface ours = found[link.GetProperty("ifname").GetString()!];
            Assert.Equal(link.GetProperty("ifindex").GetUInt32(), ours.Ifindex);
            Assert.Equal(link.GetProperty("mtu").GetUInt32(), ours.MtuBytes);
            Assert.Equal(
                link.GetProperty("flags").EnumerateArray().Any(flag => flag.GetString() == "UP"), ours.Up);
        }

        Assert.Equal(1400u, found[VethLab.Device].MtuBytes);
        Assert.True(found[VethLab.Device].Up);
        Assert.False(found["lo"].Up);
    }

    [Fact]
    public void Read_Veth_TellsDriverQueuesAndFeatures()
    {
        NetworkInterface device = ReadByName()[VethLab.Device];

        Assert.Equal("veth", device.Driver);
        Assert.Equal((2u, 1u), (device.RxQueues, device.TxQueues));
        Assert.Contains("basic", device.XdpFeatures);
        Assert.DoesNotContain("xsk-zerocopy", device.XdpFeatures);
        Assert.Equal(0u, device.XdpProgramId);
        Assert.Empty(device.XskQueues);
        Assert.False(device.HasNumaNode);
    }

    [Fact]
    public void Read_ProgramAndSocketPresent_TellsBoth()
    {
        using var programs = new InterfacePrograms(XdpAttachPreference.Link);
        InterfaceProgram program = programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        using CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 1);

        NetworkInterface device = ReadByName()[VethLab.Device];

        Assert.Equal(program.ProgramId, device.XdpProgramId);
        Assert.Equal([1u], device.XskQueues);
        programs.Release(program);
    }

    [Fact]
    public void NamesOf_UnknownBits_AreKeptAsNumbers() => Assert.Equal(
        ["basic", "rx-sg", "0x10000"],
        InterfaceInventory.NamesOf(XdpFeatures.Basic | XdpFeatures.RxScatterGather | (XdpFeatures)0x10000));

    private Dictionary<string, NetworkInterface> ReadByName() =>
        InterfaceInventory.Read(_lab.Inner).ToDictionary(found => found.Name);
}
