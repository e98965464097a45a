using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>How a kind of front-end speaks: which messages it wants acknowledged, and in what order it sends
/// them.</summary>
/// <param name="rig">Where it sends them.</param>
/// <param name="pairs">Queue pairs it uses.</param>
/// <param name="wantsAck">Which requests it sends with NEED_REPLY once REPLY_ACK is negotiated.</param>
internal sealed class ScriptedFrontEnd(SessionRig rig, int pairs, Func<VhostRequest, bool> wantsAck)
{
    internal const uint QueueSize = 256;

    internal SessionRig Rig => rig;

    internal int Rings => 2 * pairs;

    /// <summary>Whether REPLY_ACK is negotiated.</summary>
    internal bool Acks { get; private set; }

    /// <summary>Where each ring goes on.</summary>
    internal uint[] Bases { get; } = new uint[2 * pairs];

    /// <summary>A request without a body in the answer.</summary>
    internal void Set(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        if (Acks && wantsAck(request))
        {
            rig.Acked(request, payload, descriptors);
        }
        else
        {
            rig.Send(request, payload, descriptors);
            Assert.True(rig.Session.EndReason is null, rig.Session.EndReason);
            Assert.Null(rig.Receive());
        }
    }

    /// <summary>A request that is always answered, once, with flags 5.</summary>
    internal Reply Get(VhostRequest request, byte[]? payload = null, params FileDescriptor[] descriptors)
    {
        if (Acks && wantsAck(request))
        {
            return rig.Ask(request, payload, descriptors);
        }

        rig.Send(request, payload, descriptors);
        Reply reply = rig.Receive() ?? throw new InvalidOperationException($"{request} was not answered");
        Assert.Equal(((uint)request, 5u), (reply.Request, reply.Flags));
        Assert.Null(rig.Receive());
        return reply;
    }

    /// <summary>Takes the protocol features that both know.</summary>
    internal ulong NegotiateProtocol(ulong known)
    {
        ulong features = Get(VhostRequest.GET_PROTOCOL_FEATURES).Number & known;
        Set(VhostRequest.SET_PROTOCOL_FEATURES, Messages.Number(features));
        Acks = (features & ProtocolFeatures.REPLY_ACK) != 0;
        return features;
    }

    internal void SetUpRing(GuestRam ram, int ring, string order, uint flags = 0)
    {
        foreach (char step in order)
        {
            switch (step)
            {
                case 'N':
                    Set(VhostRequest.SET_VRING_NUM, Messages.State((uint)ring, QueueSize));
                    break;
                case 'B':
                    Set(VhostRequest.SET_VRING_BASE, Messages.State((uint)ring, Bases[ring]));
                    break;
                case 'A':
                    Set(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(ring, flags)));
                    break;
                case 'K':
                    Set(VhostRequest.SET_VRING_KICK, Messages.Number((ulong)ring), rig.NewEventFd().Descriptor);
                    break;
                case 'C':
                    SetCall(ring);
                    break;
                default:
                    Set(VhostRequest.SET_VRING_ENABLE, Messages.State((uint)ring, 1));
                    break;
            }
        }
    }

    internal void SetCall(int ring) =>
        Set(VhostRequest.SET_VRING_CALL, Messages.Number((ulong)ring), rig.NewEventFd().Descriptor);

    internal void Enable(int ring, bool enabled) =>
        Set(VhostRequest.SET_VRING_ENABLE, Messages.State((uint)ring, enabled ? 1u : 0u));

    internal void Stop(int ring)
    {
        var state = Get(VhostRequest.GET_VRING_BASE, Messages.State((uint)ring, 0)).As<VringStatePayload>();
        Assert.Equal((uint)ring, state.Index);
        Bases[ring] = state.Num;
    }

    /// <summary>Every ring runs, from where it stopped.</summary>
    internal void AssertRunning(bool enabled = true)
    {
        for (int ring = 0; ring < Rings; ring++)
        {
            Assert.Equal(Bases[ring], rig.Host.Running[ring]?.Base);
            Assert.Equal(enabled, rig.Host.Enabled[ring]);
            Assert.NotNull(rig.Host.Running[ring]!.Call);
        }

        Assert.Equal(0UL, rig.FaultCount());
    }
}
