using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Cpumaps;

/// <summary>The programs of Bpf/cpumap_entry.bpf.c: each entry that runs one gets a copy of its own.</summary>
internal static class KernelBuiltins
{
    private const string Resource = "cpumap_entry.bpf.o";
    private const string TargetMap = "target";

    private static readonly string[] Names = ["nf_pass", "nf_drop", "nf_redirect"];
    private static readonly Lazy<byte[]> Elf = new(() => EmbeddedObject.Read(Resource));

    /// <summary>Loads pass or drop; the program is the caller's.</summary>
    /// <exception cref="CommandFaultException">CAPABILITY_MISSING, PROGRAM_REFUSED.</exception>
    internal static BpfProgram Load(BuiltinCpumapProgram which, bool frags)
    {
        using BpfObject loaded = LoadObject(NameOf(which, frags));
        return new BpfProgram(loaded.Programs[NameOf(which, frags)].Descriptor.Duplicate());
    }

    /// <summary>Loads redirect; the program is the caller's, and holds its map.</summary>
    /// <param name="frags">Whether it takes frames of several buffers.</param>
    /// <param name="network">Where the interface is.</param>
    /// <param name="ifindex">Where frames go.</param>
    /// <param name="mapId">The kernel's id of the map that leads there.</param>
    /// <exception cref="CommandFaultException">
    /// CAPABILITY_MISSING, PROGRAM_REFUSED, INTERFACE_NOT_FOUND.
    /// </exception>
    internal static BpfProgram LoadRedirect(bool frags, Linux.NetworkNamespace network, int ifindex, out uint mapId)
    {
        string name = NameOf(BuiltinCpumapProgram.Redirect, frags);
        using BpfObject loaded = LoadObject(name);
        BpfMap target = loaded.Maps[TargetMap];
        try
        {
            // The kernel looks for the interface in the namespace of the thread that asks.
            network.Run(() => target.Update(0u, (uint)ifindex));
        }
        catch (LinuxException refusal)
        {
            throw CommandFaultException.From("INTERFACE_NOT_FOUND", $"redirect to ifindex {ifindex}", refusal);
        }

        mapId = target.Id;
        return new BpfProgram(loaded.Programs[name].Descriptor.Duplicate());
    }

    private static string NameOf(BuiltinCpumapProgram which, bool frags)
    {
        string name = which switch
        {
            BuiltinCpumapProgram.Pass => Names[0],
            BuiltinCpumapProgram.Drop => Names[1],
            _ => Names[2],
        };
        return frags ? $"{name}_frags" : name;
    }

    private static BpfObject LoadObject(string program)
    {
        try
        {
            return BpfObject.Load(Elf.Value, Resource, settings =>
            {
                foreach (BpfProgramDeclaration other in settings.Programs().Where(p => p.Name != program))
                {
                    settings.SetAutoload(other.Name, false);
                }
            });
        }
        catch (BpfLoadException failure)
        {
            throw new CommandFaultException(
                failure.Errno == Errno.EPERM ? "CAPABILITY_MISSING" : "PROGRAM_REFUSED",
                $"the program {program} cannot be loaded: {failure.Errno} {failure.Messages}".TrimEnd(),
                "bpf(BPF_PROG_LOAD)",
                failure.Errno);
        }
    }
}
