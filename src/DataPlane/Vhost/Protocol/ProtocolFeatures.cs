namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>Protocol feature bits (VHOST_USER_PROTOCOL_F_…).</summary>
internal static class ProtocolFeatures
{
    internal const ulong MQ = 1UL << 0;
    internal const ulong LOG_SHMFD = 1UL << 1;
    internal const ulong RARP = 1UL << 2;
    internal const ulong REPLY_ACK = 1UL << 3;
    internal const ulong MTU = 1UL << 4;
    internal const ulong BACKEND_REQ = 1UL << 5;
    internal const ulong CROSS_ENDIAN = 1UL << 6;
    internal const ulong CRYPTO_SESSION = 1UL << 7;
    internal const ulong PAGEFAULT = 1UL << 8;
    internal const ulong CONFIG = 1UL << 9;
    internal const ulong INFLIGHT_SHMFD = 1UL << 12;
    internal const ulong RESET_DEVICE = 1UL << 13;
    internal const ulong INBAND_NOTIFICATIONS = 1UL << 14;
    internal const ulong CONFIGURE_MEM_SLOTS = 1UL << 15;
    internal const ulong STATUS = 1UL << 16;
    internal const ulong SHARED_OBJECT = 1UL << 18;
    internal const ulong DEVICE_STATE = 1UL << 19;
    internal const ulong SHMEM = 1UL << 22;

    /// <summary>What we offer; nothing that does not work.</summary>
    internal const ulong Offered = MQ | LOG_SHMFD | RARP | REPLY_ACK | MTU | BACKEND_REQ | CONFIG | INFLIGHT_SHMFD |
        RESET_DEVICE | CONFIGURE_MEM_SLOTS | STATUS | DEVICE_STATE;
}
