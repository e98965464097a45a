namespace Nf.DataPlane.Broker;

/// <summary>What bounds clients that mean harm, or do not know better. All of it arbitrary.</summary>
internal static class BrokerLimits
{
    /// <summary>Connections of all users.</summary>
    internal const int ConnectionCountMax = 256;

    /// <summary>Connections of one user.</summary>
    internal const int UserConnectionCountMax = 32;

    /// <summary>Messages that wait for a client that does not read; one more and it is cut off.</summary>
    internal const int BacklogMax = 64;

    /// <summary>Messages read of one connection in one turn of the loop.</summary>
    internal const int MessagesPerTurn = 16;

    /// <summary>Requests of one user per second in the long run.</summary>
    internal const double RequestsPerSecond = 200;

    /// <summary>Requests of one user at once.</summary>
    internal const double RequestBurst = 400;

    /// <summary>LEASE, TAKE_UP and REGISTERED of one user per second: each keeps the control thread busy for a
    /// millisecond or more.</summary>
    internal const double LeasesPerSecond = 20;

    /// <summary>The same at once.</summary>
    internal const double LeaseBurst = 40;

    /// <summary>Requests that were refused for their form, their number or their rate, before a client is cut off.
    /// </summary>
    internal const int OffenceCountMax = 100;

    /// <summary>How long a connection may be silent before its first message, in nanoseconds.</summary>
    internal const long GreetingNs = 5_000_000_000;

    /// <summary>Tokens that nobody has shown yet.</summary>
    internal const int TokenCountMax = 1024;

    /// <summary>Leases of all users.</summary>
    internal const int LeaseCountMax = 256;
}
