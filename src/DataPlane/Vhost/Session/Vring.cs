using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>What a front-end has said about one ring, and whether the worker has it.</summary>
internal sealed class Vring(int index) : IDisposable
{
    internal int Index => index;

    /// <summary>Descriptors; 0 until SET_VRING_NUM.</summary>
    internal uint Size { get; set; }

    /// <summary>Where it begins, in the form of SET_VRING_BASE; after a stop, where it stopped.</summary>
    internal uint Base { get; set; }

    /// <summary>Whether the base is meant for the next start.</summary>
    internal bool BaseIsSet { get; set; }

    /// <summary>Where its parts are, as the front-end sees them. Translated when the ring starts, and again whenever
    /// the memory changes: until then size, features and memory may come in any order.</summary>
    internal VringAddressPayload? Address { get; set; }

    /// <summary>Whether SET_VRING_KICK came since the last stop.</summary>
    internal bool KickIsSet { get; set; }

    /// <summary>Null when the ring is to be polled.</summary>
    internal EventFd? Kick { get; set; }

    /// <summary>Null when the driver wants no signals.</summary>
    internal EventFd? Call { get; set; }

    /// <summary>Signalled when the ring is broken.</summary>
    internal EventFd? Error { get; set; }

    internal bool IsEnabled { get; set; }

    /// <summary>Whether the worker has it.</summary>
    internal bool IsStarted { get; set; }

    /// <summary>Why it is not touched any more.</summary>
    internal RingFault Fault { get; set; }

    /// <summary>Why it is not started, for a person.</summary>
    internal string Waiting { get; set; } = "SET_VRING_KICK has not come";

    /// <summary>Forgets what a start needs: a front-end that starts it again says all of it again, in whatever
    /// order, and nothing of the last time may be mixed with it. The base stays known.</summary>
    internal void Unconfigure()
    {
        Size = 0;
        BaseIsSet = false;
        Address = null;
        KickIsSet = false;
        Fault = RingFault.None;
        Kick?.Dispose();
        Kick = null;
    }

    /// <summary>Closes what the front-end gave.</summary>
    public void Dispose()
    {
        Kick?.Dispose();
        Call?.Dispose();
        Error?.Dispose();
    }
}
