using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Memory;

/// <summary>A process that touches memory which is not there.</summary>
internal static unsafe class FaultChild
{
    private const int Survived = 0;

    /// <summary>Starts one; returns its exit code and output.</summary>
    internal static (int ExitCode, string Output) Start(string kind) => Command.TryRun(
        "env", "DOTNET_DbgEnableMiniDump=0", "dotnet", typeof(FaultChild).Assembly.Location, "fault", kind);

    /// <summary>The process itself.</summary>
    internal static int Run(string kind)
    {
        using FileDescriptor guardedFile = MemFile.Create("guarded", 1 << 20, default);
        using FileDescriptor file = MemFile.Create("other", 1 << 20, default);
        using MappedMemory guarded = MappedMemory.Map(guardedFile, 0, 1 << 20, MapAccess.ReadWrite);
        using MappedMemory memory = MappedMemory.Map(file, 0, 1 << 20, MapAccess.ReadWrite);
        FaultGuard guard = FaultGuard.Register(guarded, Environment.SystemPageSize);
        guardedFile.Truncate(0);
        file.Truncate(0);

        // SAFETY: this is meant to fault.
        switch (kind)
        {
            case "inside":
                *guarded.Address = 1;
                break;
            case "outside":
                *guarded.Address = 1;
                *memory.Address = 1;
                break;
            case "read outside":
                Console.WriteLine(*memory.Address);
                break;
            case "unregistered":
                guard.Dispose();
                *guarded.Address = 1;
                break;
            case "sent":
                Command.Run("kill", "-BUS", Environment.ProcessId.ToString());
                new ManualResetEventSlim().Wait(TimeSpan.FromSeconds(20));
                break;
            default:
                return 2;
        }

        Console.WriteLine("survived");
        return Survived;
    }
}
