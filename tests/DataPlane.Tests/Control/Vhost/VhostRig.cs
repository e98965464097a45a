using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>A folder for sockets, a keeper, and the life that serves the devices.</summary>
internal sealed class VhostRig : IDisposable
{
    private readonly FakeKeeper _keeper = new();
    private readonly List<ControlLife> _lives = [];

    internal VhostRig() => _lives.Add(new ControlLife(_keeper));

    internal string Folder { get; } = Rig.NewFolder();

    internal FakeKeeper Keeper => _keeper;

    /// <summary>The life of now.</summary>
    internal ControlLife Life => _lives[^1];

    internal string Path(string name) => System.IO.Path.Combine(Folder, name + ".sock");

    internal VhostResource Device(string name) => Life.Resources.VhostDevice(name);

    internal VhostDevice Create(string name, Action<VhostDeviceSpec>? change = null)
    {
        var spec = new VhostDeviceSpec { SocketPath = Path(name) };
        change?.Invoke(spec);
        return Life.Commands.VhostDevices.Create(new VhostDevice { Name = name, Spec = spec });
    }

    internal VhostDeviceStatus Status(string name) => VhostStatus.Describe(Device(name), Life.Resources).Status;

    /// <summary>A front-end whose rings run.</summary>
    internal ScriptedFrontEnd Start(string name, int pairs = 1, int? enabledPairs = null)
    {
        ScriptedFrontEnd? frontEnd = null;
        Life.Serve(() =>
        {
            frontEnd = ScriptedFrontEnd.Connect(Path(name), pairs);
            frontEnd.Start(
                ScriptedFrontEnd.Version1 | ScriptedFrontEnd.MergeableBuffers
                    | (pairs > 1 ? ScriptedFrontEnd.MultiQueue : 0),
                enabledPairs);
        });
        return frontEnd!;
    }

    internal void Link(string name, string a, string b) => Life.Links.Create(new Link
    {
        Name = name,
        Spec = new LinkSpec { A = new Endpoint { VhostDevice = a }, B = new Endpoint { VhostDevice = b } },
    });

    internal void Until(Func<bool> condition, string what) => Life.Until(condition, what);

    internal void UntilState(string name, VhostState state) =>
        Until(() => Device(name).State == state, $"{name} to be {state}, it is {Device(name).State}");

    /// <summary>The life of now stands still as a killed one does, and the next one takes over.</summary>
    internal void Die(Action? betweenLives = null)
    {
        Life.Freeze();
        IReadOnlyList<StoreEntry> entries = _keeper.Snapshot();
        foreach (VhostResource device in Life.Resources.VhostDevices.Values)
        {
            // As the kernel does for a process that is gone.
            device.Session?.Descriptor.Dispose();
            device.Listener?.Dispose();
        }

        betweenLives?.Invoke();
        _lives.Add(new ControlLife(_keeper, entries));
    }

    /// <summary>Sends a frame that says its number, and waits for it at the other side.</summary>
    internal void Pass(ScriptedFrontEnd from, ScriptedFrontEnd to, byte number, int fromRing = 1, int toRing = 0)
    {
        Assert.True(from.Rings[fromRing].TrySend(Frame(number)));
        byte[]? arrived = null;
        Until(() => (arrived = to.Rings[toRing].TryReceive()) is not null, $"frame {number} to arrive");
        Assert.Equal(Frame(number), arrived);
    }

    internal static byte[] Frame(byte number)
    {
        var frame = new byte[64];
        frame.AsSpan(0, 6).Fill(0x52);
        frame.AsSpan(6, 6).Fill(0x54);
        frame[12] = 0x88;
        frame[13] = 0xb5;
        frame[14] = number;
        return frame;
    }

    public void Dispose()
    {
        foreach (ControlLife life in Enumerable.Reverse(_lives))
        {
            life.Dispose();
        }

        _keeper.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
