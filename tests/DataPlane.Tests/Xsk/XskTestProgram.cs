using Nf.Linux;
using Nf.Linux.Tests.Support;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>A program of xsk_tests.bpf.c on the far interface of a wire, in the place of the product's.</summary>
internal sealed class XskTestProgram : IDisposable
{
    private readonly BpfObject _loaded;
    private readonly BpfLink _link;

    /// <param name="wire">Where; nothing may be attached there.</param>
    /// <param name="name">Which program.</param>
    /// <param name="ends">The sockets, by their places in its map.</param>
    /// <param name="delta">Bytes that a tail grows by.</param>
    internal XskTestProgram(XskWire wire, string name, XskEnd[] ends, int delta = 0)
    {
        byte[] elf = BpfSource.Compile(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Xsk", "xsk_tests.bpf.c")));
        _loaded = BpfObject.Load(elf, "xsk_tests", settings => settings.SetReadOnlyData(delta));
        for (int i = 0; i < ends.Length; i++)
        {
            _loaded.Maps["sockets"].Update((uint)i, ends[i].Socket.Descriptor);
        }

        _link = wire.Lab.Inner.Run(
            () => BpfLink.AttachXdp(_loaded.Programs[name], wire.FarIfindex, wire.LinuxMode));
    }

    /// <summary>What bpf_xdp_adjust_tail answered last.</summary>
    internal Errno TailErrno => (Errno)(-Result(1));

    /// <summary>Frames that it saw.</summary>
    internal long Seen => Result(0);

    public void Dispose()
    {
        _link.Dispose();
        _loaded.Dispose();
    }

    private long Result(uint index) =>
        _loaded.Maps["results"].TryLookup(index, out long value) ? value : throw new InvalidOperationException();
}
