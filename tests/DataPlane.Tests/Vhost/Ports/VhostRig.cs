using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Ports;

namespace Nf.DataPlane.Tests.Vhost.Ports;

/// <summary>Sockets of a lab and queue pairs of guests on one worker.</summary>
internal sealed class VhostRig : IDisposable
{
    internal VhostRig(LabPlan plan, params GuestSide[] guests)
    {
        Lab = new Rig(plan);
        Guests = guests;
        foreach (GuestSide guest in guests)
        {
            Lab.Life.Worker.Attach(guest.Port);
        }
    }

    /// <summary>One socket without a peer, and guests.</summary>
    internal VhostRig(params GuestSide[] guests)
        : this(new LabPlan("vhost", [new LabUmem(128)], [new LabPort(0, -1)]), guests)
    {
    }

    internal Rig Lab { get; }

    internal GuestSide[] Guests { get; }

    internal XskPort Socket => Lab.Life.Ports[0];

    /// <summary>Frames that the socket has sent.</summary>
    internal List<byte[]> Sent => Lab.Sent[0];

    internal static void Link(Port a, Port b)
    {
        a.Peer = b;
        b.Peer = a;
    }

    internal uint Round() => Lab.Round();

    /// <summary>Rounds until nothing moves any more.</summary>
    internal void Settle()
    {
        // The rule that stays behind a sender waits for some rounds, never for long.
        int quiet = 0;
        while (quiet < 300)
        {
            int before = Lab.Sent.Sum(sent => sent.Count);
            uint packets = Round();
            Lab.Send();
            quiet = packets == 0 && Lab.Sent.Sum(sent => sent.Count) == before ? quiet + 1 : 0;
        }
    }

    internal void CheckSums()
    {
        Lab.CheckSums();
        foreach (GuestSide guest in Guests)
        {
            guest.CheckSums();
        }
    }

    public void Dispose()
    {
        // Ends the worker.
        Lab.Dispose();
        foreach (GuestSide guest in Guests)
        {
            guest.Dispose();
        }
    }
}
