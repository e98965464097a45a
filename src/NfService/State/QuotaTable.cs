namespace Nf.Service;

/// <summary>How many bytes of packet memory each owner may hold.</summary>
/// <remarks>Stands in for the kernel's memlock accounting, which CAP_IPC_LOCK turns off for the data plane.</remarks>
/// <param name="limits">Bytes per owner.</param>
/// <param name="limitDefault">Bytes of an owner that is not named; null means no limit.</param>
internal sealed class QuotaTable(IReadOnlyDictionary<string, ulong> limits, ulong? limitDefault)
{
    /// <summary>Nobody is limited.</summary>
    public static QuotaTable Unlimited { get; } = new(new Dictionary<string, ulong>(), null);

    /// <summary>Owners with a limit of their own.</summary>
    public IEnumerable<string> NamedOwners => limits.Keys;

    /// <summary>The limit of an owner in bytes; null means none.</summary>
    public ulong? LimitOf(string owner) => limits.TryGetValue(owner, out ulong limit) ? limit : limitDefault;

    /// <exception cref="QuotaExceededException">The owner would hold too much.</exception>
    public void Check(string owner, ulong askedBytes, ulong usedBytes)
    {
        if (LimitOf(owner) is { } limit && (usedBytes > limit || askedBytes > limit - usedBytes))
        {
            throw new QuotaExceededException(owner, askedBytes, usedBytes, limit);
        }
    }
}
