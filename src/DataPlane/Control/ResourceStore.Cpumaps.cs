using Google.Protobuf;
using Nf.DataPlane.Cpumaps;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Control;

// Cpumaps of the kernel, programs of their entries, and what counts them.
internal sealed partial class ResourceStore
{
    internal const string CpumapPrefix = "cpumap/";
    internal const string CpumapProgramPrefix = "cpumap-program/";
    internal const string CpumapStatisticsKey = "cpumap-statistics";

    /// <summary>
    /// Stores a cpumap. Entries that are being removed are left out; those that may come to be stand behind those that
    /// they replace.
    /// </summary>
    internal void Put(KernelCpumapResource cpumap)
    {
        var stored = new StoredCpumap
        {
            Version = KernelCpumaps.StoredVersion,
            Cpumap = cpumap.Asked,
            MapId = cpumap.Kernel.Id,
        };
        stored.Entries.AddRange(
            cpumap.Entries.Values.Where(entry => !entry.Leaving).Select(entry => Stored(entry, pending: false)));
        stored.Entries.AddRange(cpumap.Coming.Values.Select(entry => Stored(entry, pending: true)));
        _keeper.Put(CpumapPrefix + cpumap.Name, stored.ToByteArray(), [cpumap.Kernel.Map.Descriptor]);
    }

    internal void Put(CpumapProgramResource program)
    {
        var stored = new StoredCpumapProgram
        {
            Version = KernelCpumaps.StoredVersion,
            Program = program.Asked,
            ProgramId = program.Program?.Id ?? 0,
            Frags = program.Frags,
        };
        FileDescriptor[] descriptors = program is { Program: { } loaded, File: { } file }
            ? [loaded.Descriptor, file]
            : [];
        _keeper.Put(CpumapProgramPrefix + program.Name, stored.ToByteArray(), descriptors);
    }

    internal void Put(StatisticsObject counting)
    {
        (byte[] metadata, FileDescriptor[] descriptors) = StatisticsAdoption.Describe(counting);
        _keeper.Put(CpumapStatisticsKey, metadata, descriptors);
    }

    internal void Drop(KernelCpumapResource cpumap) => Drop(CpumapPrefix + cpumap.Name);

    internal void Drop(CpumapProgramResource program) => Drop(CpumapProgramPrefix + program.Name);

    private static StoredCpumapEntry Stored(CpumapEntryResource entry, bool pending) => new()
    {
        Spec = entry.Spec,
        ProgramId = entry.ProgramId,
        Slot = (uint)entry.Slot,
        Pending = pending,
        RedirectNamespaceDevice = entry.Redirect?.Namespace.Device ?? 0,
        RedirectNamespaceInode = entry.Redirect?.Namespace.Inode ?? 0,
        RedirectIfindex = (uint)(entry.Redirect?.Ifindex ?? 0),
        RedirectMapId = entry.Redirect?.MapId ?? 0,
        Earlier = CpumapCounters.ToProto(entry.Earlier),
    };
}
