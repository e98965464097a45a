using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>Hands out the lowest free number below a limit.</summary>
internal sealed class SlotAllocator(int limit, string what)
{
    private readonly HashSet<int> _used = [];

    /// <exception cref="CommandFaultException">All are taken.</exception>
    internal int Take()
    {
        for (int slot = 0; slot < limit; slot++)
        {
            if (_used.Add(slot))
            {
                return slot;
            }
        }

        throw new CommandFaultException("LIMIT_REACHED", $"there are {limit} {what} already, the most", Errno.ENOBUFS);
    }

    /// <summary>Takes a number that an earlier life had given out.</summary>
    /// <exception cref="InvalidDataException">It is out of range or taken.</exception>
    internal void Claim(int slot)
    {
        if (slot < 0 || slot >= limit || !_used.Add(slot))
        {
            throw new InvalidDataException($"slot {slot} of {limit} {what} is out of range or taken twice");
        }
    }

    internal void Give(int slot) => _used.Remove(slot);
}
