using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>The program that an entry is to run, ready for the kernel.</summary>
/// <param name="Program">The program; null for none.</param>
/// <param name="Redirect">Where it redirects to; null when it does not.</param>
internal readonly record struct KernelEntryProgram(BpfProgram? Program, KernelRedirect? Redirect) : IDisposable
{
    /// <summary>Finds or loads what is asked for.</summary>
    /// <exception cref="CommandFaultException">
    /// INVALID_SPEC, UNKNOWN_RESOURCE, FRAGS_MISMATCH, REDIRECT_LOOP, INTERFACE_NOT_FOUND, NAMESPACE_NOT_FOUND,
    /// PROGRAMS_UNSUPPORTED, PROGRAM_REFUSED, CAPABILITY_MISSING.
    /// </exception>
    internal static KernelEntryProgram Resolve(
        Resources resources, KernelCpumapResource cpumap, ICpumapSenders senders, CpumapEntryProgram? asked)
    {
        if (asked is null || asked.ProgramCase == CpumapEntryProgram.ProgramOneofCase.None)
        {
            return asked?.Redirect is null ? default : throw RedirectWithout();
        }

        if (!cpumap.Kernel.HasPrograms)
        {
            throw new CommandFaultException(
                "PROGRAMS_UNSUPPORTED", "entry.program: this kernel knows no programs of entries (before 5.9)",
                Errno.EOPNOTSUPP);
        }

        bool redirects = asked is
        {
            ProgramCase: CpumapEntryProgram.ProgramOneofCase.Builtin, Builtin: BuiltinCpumapProgram.Redirect,
        };
        if (asked.Redirect is not null && !redirects)
        {
            throw RedirectWithout();
        }

        if (asked.ProgramCase == CpumapEntryProgram.ProgramOneofCase.Loaded)
        {
            return Loaded(resources.CpumapProgram(asked.Loaded), cpumap);
        }

        return asked.Builtin switch
        {
            BuiltinCpumapProgram.Pass or BuiltinCpumapProgram.Drop =>
                new KernelEntryProgram(KernelBuiltins.Load(asked.Builtin, cpumap.Frags), null),
            BuiltinCpumapProgram.Redirect => Redirecting(cpumap, senders, asked.Redirect),
            _ => throw Invalid("entry.program.builtin", $"{asked.Builtin}: PASS, DROP or REDIRECT"),
        };
    }

    /// <summary>Closes our descriptor; the entry holds the program.</summary>
    public void Dispose() => Program?.Dispose();

    private static KernelEntryProgram Loaded(CpumapProgramResource program, KernelCpumapResource cpumap)
    {
        if (program.Program is not { } loaded)
        {
            throw Invalid("entry.program.loaded", $"\"{program.Name}\" is a program of filters, for user space only");
        }

        if (program.Frags != cpumap.Frags)
        {
            throw new CommandFaultException(
                "FRAGS_MISMATCH",
                $"entry.program.loaded \"{program.Name}\": it {Takes(program.Frags)} frames of several buffers, "
                + $"and the cpumap {Takes(cpumap.Frags)} them",
                Errno.EINVAL)
            {
                Fields =
                [
                    ("entry.program.loaded", $"\"{program.Name}\": section xdp{Dot(cpumap.Frags)}/cpumap is needed"),
                ],
            };
        }

        return new KernelEntryProgram(new BpfProgram(loaded.Descriptor.Duplicate()), null);
    }

    private static KernelEntryProgram Redirecting(
        KernelCpumapResource cpumap, ICpumapSenders senders, RedirectTarget? asked)
    {
        if (asked is not { ToCase: RedirectTarget.ToOneofCase.Interface })
        {
            throw Invalid("entry.program.redirect", "an interface must be named for a cpumap of the kernel");
        }

        using Linux.NetworkNamespace network = XskCommands.OpenNetwork(asked.NetworkNamespace);
        int ifindex = network.Run(() =>
        {
            using var netlink = new RouteNetlink();
            return netlink.FindLink(asked.Interface)?.Ifindex;
        }) ?? throw new CommandFaultException(
            "INTERFACE_NOT_FOUND",
            $"entry.program.redirect.interface \"{asked.Interface}\": there is none",
            Errno.ENODEV);
        if (senders.CpumapsFedBy(network, ifindex).Contains(cpumap.Name))
        {
            throw new CommandFaultException(
                "REDIRECT_LOOP",
                $"entry.program.redirect.interface \"{asked.Interface}\": its steering leads back into cpumap "
                + $"\"{cpumap.Name}\"",
                Errno.EBUSY);
        }

        BpfProgram program = KernelBuiltins.LoadRedirect(cpumap.Frags, network, ifindex, out uint mapId);
        return new KernelEntryProgram(program, new KernelRedirect(network.Identity, ifindex, mapId));
    }

    private static CommandFaultException RedirectWithout() =>
        Invalid("entry.program.redirect", "only with the builtin program REDIRECT");

    private static CommandFaultException Invalid(string field, string what) =>
        new("INVALID_SPEC", $"{field}: {what}", Errno.EINVAL) { Fields = [(field, what)] };

    private static string Takes(bool frags) => frags ? "takes" : "does not take";

    private static string Dot(bool frags) => frags ? ".frags" : "";
}
