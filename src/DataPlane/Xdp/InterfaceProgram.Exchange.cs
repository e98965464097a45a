using Nf.Linux;

namespace Nf.DataPlane.Xdp;

// From the plain program to one with rules, from rules to rules, and back: always the same map of sockets, always from
// one packet to the next.
internal sealed partial class InterfaceProgram
{
    private ComingProgram? _coming;

    /// <summary>Whether the program has rules of a steering.</summary>
    internal bool IsSteered { get; private set; }

    /// <summary>The sockets by queue, for programs that take the plain one's place. Stays this one's.</summary>
    internal BpfMap Sockets => _map;

    /// <summary>
    /// Names the program that is to take the place of the one that runs. From here on <see cref="Describe"/> tells
    /// both: whichever runs when this life ends is the one that the next life finds. Store it before <see
    /// cref="Exchange"/>.
    /// </summary>
    /// <param name="program">Stays the caller's; this has a descriptor of its own.</param>
    /// <param name="frags">Its flavour.</param>
    internal void Announce(BpfProgram program, bool frags)
    {
        Renounce();
        _coming = new ComingProgram(new BpfProgram(program.Descriptor.Duplicate()), Steered: true, frags);
    }

    /// <summary>The same with the program without rules.</summary>
    /// <exception cref="CommandFaultException">XDP_ATTACH_FAILED, CAPABILITY_MISSING.</exception>
    internal void AnnouncePlain()
    {
        Renounce();
        try
        {
            _coming = new ComingProgram(RedirectObject.Load(Frags, _map), Steered: false, Frags);
        }
        catch (BpfLoadException failure)
        {
            throw XdpFaults.FromLoad(_target, Frags, failure);
        }
    }

    /// <summary>Forgets what was announced.</summary>
    internal void Renounce()
    {
        _coming?.Program.Dispose();
        _coming = null;
    }

    /// <summary>Puts the announced program in the place of the one that runs: one store of a pointer in the
    /// driver.</summary>
    /// <exception cref="CommandFaultException">
    /// INTERFACE_NOT_FOUND, FOREIGN_XDP_PROGRAM, XDP_ATTACH_FAILED. The one that ran still runs.
    /// </exception>
    internal void Exchange()
    {
        ComingProgram coming = _coming ?? throw new InvalidOperationException("no program was announced");
        try
        {
            if (_link is not null)
            {
                _link.Update(coming.Program, _program);
            }
            else
            {
                XdpHook.ReplaceByNetlink(_target, coming.Program, _program, Mode);
            }
        }
        catch (LinuxException failure)
        {
            Renounce();
            throw XdpFaults.FromExchange(_target, failure);
        }

        Take(coming);
    }

    private void Take(ComingProgram coming)
    {
        _program.Dispose();
        _program = coming.Program;
        _coming = null;
        ProgramId = coming.Program.Id;
        IsSteered = coming.Steered;
        Frags = coming.Frags;
    }

    // A life that ended in an exchange left two programs with the keeper.
    private void TakeComingIfItRuns()
    {
        if (_coming is not { } coming)
        {
            return;
        }

        uint running = _link?.ProgramId ?? XdpHook.TryQuery(_target).ProgramIdIn(Mode);
        if (running == coming.Program.Id)
        {
            Take(coming);
        }
        else
        {
            Renounce();
        }
    }

    /// <param name="Program">The program.</param>
    /// <param name="Steered">Whether it has rules.</param>
    /// <param name="Frags">Its flavour.</param>
    private sealed record ComingProgram(BpfProgram Program, bool Steered, bool Frags);
}
