using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

/// <summary>
/// The XDP programs of all interfaces that sockets are bound to: one per interface, attached for its first socket and
/// detached with its last. Control thread only.
/// </summary>
internal sealed class InterfacePrograms(XdpAttachPreference preference) : IDisposable
{
    private readonly Dictionary<(FileIdentity Namespace, int Ifindex), InterfaceProgram> _programs = [];

    /// <summary>Every program there is, with or without sockets.</summary>
    internal IReadOnlyCollection<InterfaceProgram> All => _programs.Values;

    /// <summary>Counts another socket on an interface; attaches the program for the first.</summary>
    /// <param name="network">Where the interface is; stays the caller's.</param>
    /// <param name="ifindex">The interface.</param>
    /// <param name="mode">Where the program has to run; AUTO takes what is there.</param>
    /// <param name="needFrags">Whether it has to take packets of several buffers (XDP_USE_SG).</param>
    /// <remarks>
    /// What <see cref="InterfaceProgram.Describe"/> tells may have changed afterwards, even for a program that was
    /// there: store it again.
    /// </remarks>
    /// <exception cref="CommandFaultException">
    /// INTERFACE_NOT_FOUND, FOREIGN_XDP_PROGRAM, XDP_MODE_CONFLICT, XDP_MODE_UNSUPPORTED, SCATTER_GATHER_UNSUPPORTED,
    /// CAPABILITY_MISSING, XDP_ATTACH_FAILED. Nothing is left behind, and no socket is counted.
    /// </exception>
    internal InterfaceProgram Acquire(NetworkNamespace network, int ifindex, XdpMode mode, bool needFrags)
    {
        (FileIdentity, int) key = (network.Identity, ifindex);
        if (_programs.TryGetValue(key, out InterfaceProgram? program) && program.IsAttached(out _))
        {
            program.Require(mode, needFrags);
        }
        else
        {
            // A program whose device is gone stays with the sockets that still count on it, but a new device that got
            // the same index deserves its own.
            program = InterfaceProgram.Attach(network, ifindex, mode, needFrags, preference);
            _programs[key] = program;
        }

        program.UserCount++;
        return program;
    }

    /// <summary>Counts one socket less; the last one takes the program with it.</summary>
    /// <returns>True when the program was detached: what the keeper holds of it is to be dropped.</returns>
    /// <remarks>A program of somebody else that took the place of ours stays.</remarks>
    internal bool Release(InterfaceProgram program)
    {
        ArgumentOutOfRangeException.ThrowIfZero(program.UserCount);
        if (--program.UserCount > 0)
        {
            return false;
        }

        Remove(program);
        return true;
    }

    /// <summary>
    /// Takes over what an earlier life left, with no socket counted yet: each adopted socket calls <see
    /// cref="Acquire"/>.
    /// </summary>
    /// <param name="metadata">From <see cref="InterfaceProgram.Describe"/>.</param>
    /// <param name="descriptors">Its descriptors, in the same order; they become the program's own.</param>
    /// <exception cref="AdoptionException">
    /// They do not describe a program that is still attached to its interface. The descriptors have been closed.
    /// </exception>
    internal InterfaceProgram Adopt(ReadOnlySpan<byte> metadata, IReadOnlyList<FileDescriptor> descriptors)
    {
        InterfaceProgram program = InterfaceProgram.Adopt(metadata, descriptors);
        (FileIdentity, int) key = (program.Network.Identity, program.Ifindex);
        if (!_programs.TryAdd(key, program))
        {
            program.Dispose();
            throw new AdoptionException($"ifindex {program.Ifindex} has been adopted already");
        }

        return program;
    }

    /// <summary>Detaches programs that no socket came back to after an adoption.</summary>
    /// <param name="forget">
    /// Has the keeper forget one: called while it is still attached, so that no successor adopts a detached one.
    /// </param>
    internal void DetachUnused(Action<InterfaceProgram> forget)
    {
        foreach (InterfaceProgram unused in _programs.Values.Where(program => program.UserCount == 0).ToList())
        {
            forget(unused);
            Remove(unused);
        }
    }

    /// <summary>Closes every descriptor; what the keeper holds stays attached.</summary>
    public void Dispose()
    {
        foreach (InterfaceProgram program in _programs.Values)
        {
            program.Dispose();
        }

        _programs.Clear();
    }

    private void Remove(InterfaceProgram program)
    {
        (FileIdentity, int) key = (program.Network.Identity, program.Ifindex);
        if (_programs.TryGetValue(key, out InterfaceProgram? present) && ReferenceEquals(present, program))
        {
            _programs.Remove(key);
        }

        program.Detach();
        program.Dispose();
    }
}
