using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>What this kernel has of what user memory stands on.</summary>
/// <param name="DeviceRefusal">Why there is no user memory at all, or null.</param>
/// <param name="TrackingRefusal">Why memory cannot be tracked, or null.</param>
internal sealed record UserMemorySupport(string? DeviceRefusal, string? TrackingRefusal)
{
    /// <summary>Finds out.</summary>
    internal static UserMemorySupport Probe() => new(
        ProbeDevice(),
        Userfaultfd.IsSupported ? null : "this kernel has no userfaultfd");

    private static string? ProbeDevice()
    {
        try
        {
            AfXdpSocket.Create().Dispose();
            using FileDescriptor file = MemFile.Create("nf-probe", Environment.SystemPageSize, new MemFileOptions());
            MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow);
            return null;
        }
        catch (LinuxException refusal)
        {
            return refusal.Message;
        }
    }
}
