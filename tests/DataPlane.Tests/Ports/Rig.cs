using Nf.DataPlane.Lab;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Ports;

/// <summary>A lab with a life on it and a kernel on the other side, in files that are gone afterwards.</summary>
internal sealed unsafe class Rig : IDisposable
{
    internal Rig(LabPlan plan)
    {
        Folder = NewFolder();
        Memory = LabMemory.Create(Folder, plan);
        Life = new LabLife(Memory, fresh: true);
        Kernel = new LabKernel(Memory);
        Sent = [.. plan.Ports.Select(_ => new List<byte[]>())];
    }

    internal Rig(params LabUmem[] umems)
        : this(umems, new LabPort(0, 1), new LabPort(umems.Length - 1, 0))
    {
    }

    internal Rig(LabUmem[] umems, params LabPort[] ports)
        : this(new LabPlan("test", umems, ports))
    {
    }

    internal string Folder { get; }

    internal LabMemory Memory { get; }

    internal LabLife Life { get; private set; }

    internal LabKernel Kernel { get; }

    /// <summary>Frames that the kernel sent, by port.</summary>
    internal List<byte[]>[] Sent { get; }

    /// <summary>A folder in memory where there is one.</summary>
    internal static string NewFolder()
    {
        string parent = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        return Directory.CreateDirectory(Path.Combine(parent, $"nf-lab-{Guid.NewGuid():N}")).FullName;
    }

    /// <summary>Receives frames; each must be taken.</summary>
    internal void Receive(int port, params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(Kernel.Receive(port, frame), "the kernel had no chunk or no room");
        }
    }

    internal uint Round() => Life.Worker.RunOnce();

    /// <summary>Sends and completes what is in every TX ring.</summary>
    internal void Send()
    {
        for (int port = 0; port < Sent.Length; port++)
        {
            Kernel.Send(port, Sent[port]);
            Kernel.Complete(port);
        }
    }

    /// <summary>Runs rounds until nothing moves any more.</summary>
    internal void Settle()
    {
        int quiet = 0;
        while (quiet < 3)
        {
            int before = Sent.Sum(sent => sent.Count);
            uint packets = Round();
            Send();
            quiet = packets == 0 && Sent.Sum(sent => sent.Count) == before ? quiet + 1 : 0;
        }
    }

    /// <summary>The life ends without a word, and a next one takes over.</summary>
    internal void Succeed()
    {
        Life.Dispose();
        Life = new LabLife(Memory, fresh: false);
    }

    internal PortTraffic Traffic(int port) => Memory.Counters(port)->Traffic;

    internal ulong Drops(int port, DropReason reason) => Life.Ports[port].Drops[(int)reason];

    internal ulong Drops(int port) => Life.Ports[port].DropsTotal();

    /// <summary>Every chunk is in one place, and every packet received has one fate.</summary>
    internal void CheckSums()
    {
        Assert.Equal("", Life.Audit());
        for (int port = 0; port < Sent.Length; port++)
        {
            PortTraffic traffic = Traffic(port);
            Assert.Equal(traffic.RxPackets, traffic.LinkPackets + Drops(port));
        }
    }

    public void Dispose()
    {
        Life.Dispose();
        Kernel.Dispose();
        Memory.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
