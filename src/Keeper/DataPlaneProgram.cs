using System.Diagnostics;

namespace Nf.Keeper;

/// <summary>How a life is started.</summary>
internal static class DataPlaneProgram
{
    internal static ProcessStartInfo StartInfo(KeeperOptions options)
    {
        bool isAssembly = options.DataPlane.EndsWith(".dll", StringComparison.Ordinal);
        var start = new ProcessStartInfo(isAssembly ? FindDotnet() : options.DataPlane) { UseShellExecute = false };
        if (isAssembly)
        {
            start.ArgumentList.Add(options.DataPlane);
        }

        string[] own = ["--run", options.RunDirectory, "--keeper", options.SocketPath];
        foreach (string argument in own.Concat(options.DataPlaneArguments))
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    // The runtime that runs the keeper runs its lives too, wherever PATH points.
    private static string FindDotnet() =>
        Path.GetFileName(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
}
