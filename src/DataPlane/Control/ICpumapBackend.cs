using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Who runs cpumaps: the kernel, or workers of the data plane. Control thread only.</summary>
/// <remarks>
/// <see cref="CpumapCommands"/> has checked names, limits, users and <see cref="Cpumaps.CpumapRules"/> before it asks,
/// and keeps changes of one entry apart. Whatever may wait answers later; when it has, the entry's CPU is to be taken
/// out of <see cref="CpumapResource.Changing"/>.
/// </remarks>
internal interface ICpumapBackend
{
    /// <summary>Makes a cpumap, and has the keeper hold it.</summary>
    /// <param name="asked">Its spec may leave out what has a default.</param>
    /// <exception cref="CommandFaultException">It cannot be had.</exception>
    CpumapResource Create(Cpumap asked);

    /// <summary>Sets an entry; the answer has it.</summary>
    /// <param name="cpumap">One that this backend made.</param>
    /// <param name="asked">The queue size is not 0.</param>
    /// <param name="drain">How long to wait for the end of the thread that is replaced.</param>
    /// <param name="answer">Told of the entry, or of the fault.</param>
    /// <exception cref="CommandFaultException">It cannot be set; nothing has changed.</exception>
    void SetEntry(CpumapResource cpumap, CpumapEntrySpec asked, TimeSpan drain, PendingReply answer);

    /// <summary>Removes an entry that is there.</summary>
    void RemoveEntry(CpumapResource cpumap, CpumapEntryResource entry, TimeSpan drain, PendingReply answer);

    /// <summary>Empties the queues and ends the cpumap; it is in no list any more.</summary>
    void Delete(CpumapResource cpumap, PendingReply answer);

    /// <summary>Who keeps a cpumap from being deleted: "steering/NAME", "link/NAME", "bridge/NAME".</summary>
    IEnumerable<string> UsersOf(CpumapResource cpumap);

    /// <summary>What is observed, but for its users; counters are read anew.</summary>
    CpumapStatus Describe(CpumapResource cpumap);

    /// <summary>Writes counters into the segment; once a second.</summary>
    void Publish(CpumapResource cpumap);

    /// <summary>Looks at deadlines; several times a second.</summary>
    /// <param name="nowNs">Of the monotonic clock.</param>
    void Tick(long nowNs);
}
