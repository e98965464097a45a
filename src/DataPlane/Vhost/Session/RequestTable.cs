using Nf.DataPlane.Vhost.Protocol;
using static Nf.DataPlane.Vhost.Protocol.DescriptorRule;
using static Nf.DataPlane.Vhost.Protocol.ReplyKind;
using static Nf.DataPlane.Vhost.Protocol.VhostRequest;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>Carries a request out.</summary>
internal delegate void RequestHandler(VhostSession session, in Request request);

/// <summary>Everything that is fixed about a request.</summary>
/// <param name="Request">Which one.</param>
/// <param name="Payload">Sizes it may have.</param>
/// <param name="Descriptors">Descriptors it brings.</param>
/// <param name="Reply">How it is answered.</param>
/// <param name="Gate">Protocol feature that must be negotiated; 0 for none.</param>
/// <param name="Handler">Null for what is not offered, and therefore refused.</param>
internal sealed record RequestRow(
    VhostRequest Request,
    PayloadRule Payload,
    DescriptorRule Descriptors,
    ReplyKind Reply,
    ulong Gate,
    RequestHandler? Handler);

/// <summary>One row per request: nothing about a request is decided anywhere else. docs/vhost-user.md tells the
/// same to people.</summary>
internal static class RequestTable
{
    private static readonly PayloadRule Empty = PayloadRule.Exactly(0);
    private static readonly PayloadRule Number = PayloadRule.Exactly(8);
    private static readonly PayloadRule State = PayloadRule.Exactly(8);
    private static readonly PayloadRule Config = new(ConfigPayload.Bytes, 12 + ConfigPayload.SpaceBytes, 1);
    private static readonly PayloadRule Inflight = new(20, 24, 4);
    private static readonly PayloadRule Region = PayloadRule.Exactly(40);
    private static readonly PayloadRule Table = new(8, 8 + (32 * 127), 32);

    // Sizes of the crypto requests depend on the algorithm; nothing of them is looked at.
    private static readonly PayloadRule Any = new(0, MessageHeader.PayloadBytesMax, 1);

    private static readonly RequestRow[] Rows =
    [
        new(GET_FEATURES, Empty, None, Body, 0, (s, in r) => s.GetFeatures(r)),
        new(SET_FEATURES, Number, None, Ack, 0, (s, in r) => s.SetFeatures(r)),
        new(SET_OWNER, Empty, None, Ack, 0, (s, in _) => s.SetOwner()),
        new(RESET_OWNER, Empty, None, Ack, 0, (_, in _) => { }),
        new(SET_MEM_TABLE, Table, OnePerRegion, Ack, 0, (s, in r) => s.SetMemoryTable(r)),
        new(SET_LOG_BASE, PayloadRule.Exactly(16), One, Body, ProtocolFeatures.LOG_SHMFD, (s, in r) => s.SetLogBase(r)),
        new(SET_LOG_FD, Empty, One, Ack, 0, (s, in r) => s.SetLogCall(r)),
        new(SET_VRING_NUM, State, None, Ack, 0, (s, in r) => s.SetVringSize(r)),
        new(SET_VRING_ADDR, PayloadRule.Exactly(40), None, Ack, 0, (s, in r) => s.SetVringAddress(r)),
        new(SET_VRING_BASE, State, None, Ack, 0, (s, in r) => s.SetVringBase(r)),
        new(GET_VRING_BASE, State, None, Body, 0, (s, in r) => s.GetVringBase(r)),
        new(SET_VRING_KICK, Number, OneUnlessNoFd, Ack, 0, (s, in r) => s.SetVringKick(r)),
        new(SET_VRING_CALL, Number, OneUnlessNoFd, Ack, 0, (s, in r) => s.SetVringCall(r)),
        new(SET_VRING_ERR, Number, OneUnlessNoFd, Ack, 0, (s, in r) => s.SetVringError(r)),
        new(GET_PROTOCOL_FEATURES, Empty, None, Body, 0, (s, in r) => s.GetProtocolFeatures(r)),
        new(SET_PROTOCOL_FEATURES, Number, None, Ack, 0, (s, in r) => s.SetProtocolFeatures(r)),
        new(GET_QUEUE_NUM, Empty, None, Body, ProtocolFeatures.MQ, (s, in r) => s.GetQueueCount(r)),
        new(SET_VRING_ENABLE, State, None, Ack, 0, (s, in r) => s.SetVringEnable(r)),
        new(SEND_RARP, Number, None, Ack, ProtocolFeatures.RARP, (s, in r) => s.SendRarp(r)),
        new(NET_SET_MTU, Number, None, Ack, ProtocolFeatures.MTU, (s, in r) => s.SetMtu(r)),
        new(SET_BACKEND_REQ_FD, Empty, One, Ack, ProtocolFeatures.BACKEND_REQ, (s, in r) => s.SetBackendChannel(r)),
        new(IOTLB_MSG, PayloadRule.Exactly(32), None, Status, 0, null),
        new(SET_VRING_ENDIAN, State, None, Ack, ProtocolFeatures.CROSS_ENDIAN, null),
        new(GET_CONFIG, Config, None, EmptyWhenRefused, ProtocolFeatures.CONFIG, (s, in r) => s.GetConfig(r)),
        new(SET_CONFIG, Config, None, Ack, ProtocolFeatures.CONFIG, (s, in r) => s.SetConfig(r)),
        new(CREATE_CRYPTO_SESSION, Any, None, Body, ProtocolFeatures.CRYPTO_SESSION, null),
        new(CLOSE_CRYPTO_SESSION, Number, None, Ack, ProtocolFeatures.CRYPTO_SESSION, null),
        new(POSTCOPY_ADVISE, Empty, None, EmptyWhenRefused, ProtocolFeatures.PAGEFAULT, null),
        new(POSTCOPY_LISTEN, Empty, None, Ack, ProtocolFeatures.PAGEFAULT, null),
        new(POSTCOPY_END, Empty, None, Status, ProtocolFeatures.PAGEFAULT, null),
        new(GET_INFLIGHT_FD, Inflight, None, ZeroesWhenRefused, ProtocolFeatures.INFLIGHT_SHMFD,
            (s, in r) => s.GetInflight(r)),
        new(SET_INFLIGHT_FD, Inflight, One, Ack, ProtocolFeatures.INFLIGHT_SHMFD, (s, in r) => s.SetInflight(r)),
        new(GPU_SET_SOCKET, Empty, One, Ack, 0, null),
        new(RESET_DEVICE, Empty, None, Ack, ProtocolFeatures.RESET_DEVICE, (s, in _) => s.ResetDevice()),
        new(VRING_KICK, State, None, Ack, ProtocolFeatures.INBAND_NOTIFICATIONS, null),
        new(GET_MAX_MEM_SLOTS, Empty, None, Body, ProtocolFeatures.CONFIGURE_MEM_SLOTS, (s, in r) => s.GetSlots(r)),
        new(ADD_MEM_REG, Region, One, Ack, ProtocolFeatures.CONFIGURE_MEM_SLOTS, (s, in r) => s.AddRegion(r)),
        new(REM_MEM_REG, Region, NoneOrOne, Ack, ProtocolFeatures.CONFIGURE_MEM_SLOTS, (s, in r) => s.RemoveRegion(r)),
        new(SET_STATUS, Number, None, Ack, ProtocolFeatures.STATUS, (s, in r) => s.SetStatus(r)),
        new(GET_STATUS, Empty, None, Body, ProtocolFeatures.STATUS, (s, in r) => s.GetStatus(r)),
        new(GET_SHARED_OBJECT, PayloadRule.Exactly(16), None, Body, ProtocolFeatures.SHARED_OBJECT, null),
        new(SET_DEVICE_STATE_FD, PayloadRule.Exactly(8), One, Status, ProtocolFeatures.DEVICE_STATE,
            (s, in r) => s.SetDeviceState(r)),
        new(CHECK_DEVICE_STATE, Empty, None, Status, ProtocolFeatures.DEVICE_STATE, (s, in r) => s.CheckDeviceState(r)),
        new(GET_SHMEM_CONFIG, Empty, None, Body, ProtocolFeatures.SHMEM, null),
    ];

    /// <summary>Every request that somebody defined.</summary>
    internal static IReadOnlyList<RequestRow> All => Rows;

    /// <summary>The row of a request; null when nobody defined it.</summary>
    internal static RequestRow? Find(VhostRequest request) =>
        (uint)request - 1 < (uint)Rows.Length ? Rows[(int)request - 1] : null;
}
