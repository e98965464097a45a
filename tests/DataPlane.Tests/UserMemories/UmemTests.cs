using System.Net.Sockets;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.UserMemories;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>A user's memory as packet memory of a real socket (rows 22, 26, 32).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class UmemTests
{
    private const int WriteSeal = 8;
    private const int Port = 5001;

    [Fact]
    public void Umem_ClientUnmapsItsMemory_SocketIsGoneBeforeAndEveryPageIsUnpinned()
    {
        using var lab = VethLab.Create();
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start(user: 12345);
        ClientMemory memory = client.MakeFile(256);
        UserMemory made = client.Create(memory);
        for (int cycle = 0; cycle < 3; cycle++)
        {
            Assert.True(rig.Acquire(made).IsActive);
            var user = new UmemUser(lab, lab.Ifindex, made);
            made.AddUser(user);
            client.Do($"munmap {memory.Address} {memory.Size}");
            Assert.True(user.IsStopped);
            Assert.Equal(UserMemoryState.Invalidated, made.State);
            client.Do($"map {memory.Size} 0 0 {memory.Address}");
            client.Do($"watch {memory.Address} {memory.Size} 2");
        }

        Assert.Equal(3 * memory.Size, rig.Registry.Counts.DirtiedBytes);
        client.Do($"munmap {memory.Address} {memory.Size}");

        // Given only when no page is pinned any more, which the kernel does a moment after the socket went.
        rig.Pump(() => client.Ask($"call 3 {WriteSeal}").Errno == Errno.None, "the pages to be unpinned");
    }

    [Fact]
    public void Umem_ClientIsKilled_SocketGoesAndEveryPageIsUnpinned()
    {
        using var lab = VethLab.Create();
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(256));
        using FileDescriptor file = made.File!.Duplicate();
        var user = new UmemUser(lab, lab.Ifindex, made);
        made.AddUser(user);
        Assert.Equal(Errno.EBUSY, TrySeal(file));
        client.Kill();
        rig.Pump(() => user.IsStopped, "the socket to be closed");
        client.HangUp();
        rig.Settle();
        rig.Pump(() => TrySeal(file) == Errno.None, "the pages to be unpinned");
    }

    /// <summary>Memory is torn down again and again under a flood. Once the client's call has returned no page of it is
    /// touched, though frames keep coming; and a neighbour's never is.</summary>
    [Fact]
    public void Umem_TornDownUnderFullTraffic_NoPageIsTouchedAfterwardsNorANeighboursEver()
    {
        using var lab = VethLab.Create();
        lab.AddPair("nfn0", "nfn1", 1, 1, 1);
        using var rig = new MemoryRig();
        MemoryClient neighbour = rig.Start();
        ClientMemory theirs = neighbour.MakeFile(64);
        neighbour.Do($"fill {theirs.Address} {theirs.Size} 0x55");
        UserMemory others = neighbour.CreateActive(theirs);
        using var bystander = new UmemUser(lab, lab.IfindexOf("nfn0"), others);
        others.AddUser(bystander);

        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(64);
        UserMemory made = client.Create(memory);
        using var programs = new InterfacePrograms(XdpAttachPreference.Link);
        InterfaceProgram program = programs.Acquire(lab.Inner, lab.Ifindex, XdpMode.Auto, needFrags: false);
        // For what comes while the queue has no socket.
        using Socket listener = lab.ListenInside(Port);
        using Socket sender = lab.ConnectOutside(Port);
        using var flood = new Flooding(sender);
        for (int cycle = 0; cycle < 12; cycle++)
        {
            Assert.True(rig.Acquire(made).IsActive);
            var user = new UmemUser(lab, lab.Ifindex, made);
            made.AddUser(user);
            program.SetSocket(0, user.Socket);
            rig.Pump(() => user.Frames > 300, "frames");
            ClientReply reply = cycle % 2 == 0
                ? client.Ask($"munmap {memory.Address} {memory.Size}")
                : client.Ask($"madvise {memory.Address} {memory.Size} 9");
            Assert.Equal((Errno.None, true), (reply.Errno, user.IsStopped));
            client.Do($"map {memory.Size} 0 0 {memory.Address}");
            client.Do($"fill {memory.Address} {memory.Size} 0x77");
            long sent = flood.Sent;
            rig.Pump(() => flood.Sent > sent + 300, "more frames");
            Assert.Equal(0, client.Do($"look {memory.Address} {memory.Size} 0x77"));
            client.Do($"watch {memory.Address} {memory.Size} 2");
        }

        Assert.Equal(0, neighbour.Do($"look {theirs.Address} {theirs.Size} 0x55"));
        Assert.False(bystander.IsStopped);
    }

    private static Errno TrySeal(FileDescriptor file)
    {
        try
        {
            MemFile.AddSeals(file, MemFileSeals.Write);
            return Errno.None;
        }
        catch (LinuxException e)
        {
            return e.Errno;
        }
    }

    // Sends without a pause and without a thought.
    private sealed class Flooding : IDisposable
    {
        private readonly Thread _thread;
        private long _sent;
        private volatile bool _stop;

        internal Flooding(Socket sender)
        {
            _thread = new Thread(() =>
            {
                byte[] payload = new byte[900];
                for (; !_stop; Volatile.Write(ref _sent, _sent + 1))
                {
                    sender.Send(payload);
                }
            });
            _thread.Start();
        }

        internal long Sent => Volatile.Read(ref _sent);

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }
    }
}
