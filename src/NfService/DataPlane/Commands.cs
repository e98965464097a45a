using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>Commands about desired resources.</summary>
internal static class Commands
{
    public static Command Create(DesiredUmem umem) => new() { CreateUmem = new CreateUmem { Umem = umem.ToProto() } };

    public static Command Delete(DesiredUmem umem) =>
        new() { DeleteUmem = new DeleteUmem { Name = umem.Name.Value } };

    public static Command Bind(DesiredXskSocket socket) =>
        new() { BindXskSocket = new BindXskSocket { XskSocket = socket.ToProto() } };

    public static Command Unbind(DesiredXskSocket socket) =>
        new() { UnbindXskSocket = new UnbindXskSocket { Name = socket.Name.Value } };

    public static Command Create(DesiredLink link) => new() { CreateLink = new CreateLink { Link = link.ToProto() } };

    public static Command Delete(DesiredLink link) =>
        new() { DeleteLink = new DeleteLink { Name = link.Name.Value } };

    public static Command Create(DesiredVhostDevice device) =>
        new() { CreateVhostDevice = new CreateVhostDevice { VhostDevice = device.ToProto() } };

    public static Command Delete(DesiredVhostDevice device) =>
        new() { DeleteVhostDevice = new DeleteVhostDevice { Name = device.Name.Value } };

    public static Command Create(DesiredBridge bridge) =>
        new() { CreateBridge = new CreateBridge { Bridge = bridge.ToProto() } };

    public static Command Delete(DesiredBridge bridge) =>
        new() { DeleteBridge = new DeleteBridge { Name = bridge.Name.Value } };

    public static Command Create(DesiredCpumap cpumap) =>
        new() { CreateCpumap = new CreateCpumap { Cpumap = cpumap.ToProto() } };

    public static Command Delete(DesiredCpumap cpumap) =>
        new() { DeleteCpumap = new DeleteCpumap { Name = cpumap.Name.Value } };

    public static Command Update(CpumapEntryUpdate update) =>
        SetEntry(update.Cpumap, update.Entry, update.Mode, update.DrainTimeout);

    /// <summary>Sets an entry whatever it is now, without waiting for a thread's end: there is none.</summary>
    public static Command Replay(DesiredCpumap cpumap, CpumapEntrySpec entry) =>
        SetEntry(cpumap.Name, entry, CpumapUpdateMode.Any, TimeSpan.Zero);

    public static Command DeleteEntry(DesiredCpumap cpumap, uint cpu, TimeSpan drainTimeout) => new()
    {
        DeleteCpumapEntry = new DeleteCpumapEntry
        {
            Cpumap = cpumap.Name.Value,
            Cpu = cpu,
            DrainTimeoutMs = (uint)drainTimeout.TotalMilliseconds,
        },
    };

    public static Command Load(DesiredCpumapProgram program) =>
        new() { LoadCpumapProgram = new LoadCpumapProgram { Program = program.ToCommand() } };

    public static Command Unload(DesiredCpumapProgram program) =>
        new() { UnloadCpumapProgram = new UnloadCpumapProgram { Name = program.Name.Value } };

    public static Command Set(DesiredSteering steering, bool validateOnly) =>
        new() { SetSteering = new SetSteering { Steering = steering.ToProto(), ValidateOnly = validateOnly } };

    public static Command Delete(DesiredSteering steering) =>
        new() { DeleteSteering = new DeleteSteering { Name = steering.Name.Value } };

    /// <summary>Asks for what is observed: without ELF files and prefix tables.</summary>
    public static Command Observe() => new() { GetInventory = new GetInventory { Brief = true } };

    private static Command SetEntry(
        ResourceName cpumap, CpumapEntrySpec entry, CpumapUpdateMode mode, TimeSpan drainTimeout) => new()
        {
            UpdateCpumapEntry = new UpdateCpumapEntry
            {
                Cpumap = cpumap.Value,
                Entry = entry,
                Mode = mode,
                DrainTimeoutMs = (uint)drainTimeout.TotalMilliseconds,
            },
        };
}
