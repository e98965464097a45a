using System.Globalization;
using System.Text;
using Nf.Linux;

namespace Nf.Keeper.Tests.Support;

/// <summary>The test's end of a fake life's control socket.</summary>
internal sealed class FakeLifeHandle : IDisposable
{
    private readonly SeqPacketSocket _control;
    private readonly Epoll _epoll = new();
    private readonly List<FileDescriptor> _descriptors = [];

    internal FakeLifeHandle(SeqPacketSocket control)
    {
        _control = control;
        _epoll.Add(control.Descriptor, EpollEvents.In, 0);
        string[] started = Hear().Split(' ');
        Assert.Equal("started", started[0]);
        Pid = int.Parse(started[1], CultureInfo.InvariantCulture);
    }

    internal int Pid { get; }

    /// <summary>Waits for what the life says next; "" when it has ended.</summary>
    internal string Hear()
    {
        Assert.True(_epoll.Wait(new EpollEvent[1], KeeperProcess.WaitMs) > 0, "the life says nothing");
        var buffer = new byte[128 * 1024];
        return _control.Receive(buffer, out int length, _descriptors) == TransferStatus.Closed
            ? ""
            : Encoding.UTF8.GetString(buffer, 0, length);
    }

    internal void Command(string text, params FileDescriptor[] descriptors) =>
        _control.Send(Encoding.UTF8.GetBytes(text), descriptors);

    internal string Ask(string text, params FileDescriptor[] descriptors)
    {
        Command(text, descriptors);
        return Hear();
    }

    /// <summary>Waits until it is active; returns the generation and the keys it was given.</summary>
    internal (ulong Generation, string Keys) WaitActive()
    {
        string said = Hear();
        if (said == "ready")
        {
            said = Hear();
        }

        string[] words = said.Split(' ');
        Assert.Equal("active", words[0]);
        return (ulong.Parse(words[1], CultureInfo.InvariantCulture), words[2]);
    }

    /// <summary>What it was handed under a key.</summary>
    internal (byte[] Metadata, List<FileDescriptor> Descriptors) Show(string key)
    {
        _descriptors.Clear();
        string[] words = Ask($"show {key}").Split(' ');
        Assert.Equal("shown", words[0]);
        var descriptors = _descriptors.ToList();
        _descriptors.Clear();
        return (Convert.FromHexString(words[1]), descriptors);
    }

    internal void Kill()
    {
        using PidFd process = PidFd.Open(Pid);
        process.SendSignal(9);
    }

    public void Dispose()
    {
        _control.Dispose();
        _epoll.Dispose();
        _descriptors.ForEach(descriptor => descriptor.Dispose());
    }
}
