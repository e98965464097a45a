namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>Which sizes the payload of a request may have.</summary>
/// <param name="Min">Smallest, in bytes.</param>
/// <param name="Max">Largest, in bytes.</param>
/// <param name="Step">Between two sizes, in bytes.</param>
internal readonly record struct PayloadRule(uint Min, uint Max, uint Step)
{
    /// <summary>One size only.</summary>
    internal static PayloadRule Exactly(uint bytes) => new(bytes, bytes, 1);

    internal bool Accepts(uint bytes) => bytes >= Min && bytes <= Max && (bytes - Min) % Step == 0;

    public override string ToString() => Min == Max ? $"{Min}" : $"{Min} to {Max} in steps of {Step}";
}

/// <summary>How many descriptors come with a request.</summary>
internal enum DescriptorRule
{
    None,
    One,

    /// <summary>One, or none when the payload says so (VHOST_USER_VRING_NOFD_MASK).</summary>
    OneUnlessNoFd,

    /// <summary>One for each region of the table.</summary>
    OnePerRegion,

    /// <summary>None; one is closed without a word (REM_MEM_REG of some front-ends).</summary>
    NoneOrOne,
}

/// <summary>How a request is answered, and what a refusal looks like.</summary>
internal enum ReplyKind
{
    /// <summary>By a number, 0 for success, if the front-end asks for it and REPLY_ACK is negotiated.</summary>
    Ack,

    /// <summary>Always, by a body that cannot say no: a refusal ends the connection.</summary>
    Body,

    /// <summary>Always, by a number that is 0 for success in its lowest byte.</summary>
    Status,

    /// <summary>Always; by an empty body without a descriptor when refused.</summary>
    EmptyWhenRefused,

    /// <summary>Always; by a body of zeroes without a descriptor when refused.</summary>
    ZeroesWhenRefused,
}
