using Nf.DataPlane.Lab;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>How to start a life of its own process on a lab's memory.</summary>
internal static class ChildLife
{
    internal static string[] Command(string work, LabMemory memory, params string[] more) =>
        Command(work, memory.Folder, [memory.Plan.Name, .. more]);

    internal static string[] Command(string work, string folder, params string[] more) =>
    [
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
        Path.Combine(AppContext.BaseDirectory, "forwarder-life.dll"), work, folder, .. more,
    ];
}
