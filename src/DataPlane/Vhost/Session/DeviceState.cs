using System.Buffers.Binary;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>
/// What a migration carries from one back-end to the other beside memory and ring indexes: next to nothing, since a net
/// device that copies keeps nothing. 16 bytes: a mark, a version, the MTU the front-end set.
/// </summary>
internal static class DeviceState
{
    internal const int Bytes = 16;
    private const ulong Mark = 0x5453_4F48_564E_464E; // "NFNVHOST"
    private const uint Version = 1;

    /// <summary>Writes the state and nothing else.</summary>
    /// <exception cref="VhostRefusedException">The descriptor does not take it.</exception>
    internal static void Save(FileDescriptor target, ushort mtu)
    {
        Span<byte> state = stackalloc byte[Bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(state, Mark);
        BinaryPrimitives.WriteUInt32LittleEndian(state[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(state[12..], mtu);
        try
        {
            if (target.WriteNow(state) != Bytes)
            {
                throw Refused.State(VhostRequest.SET_DEVICE_STATE_FD, "descriptor took only part of the state");
            }
        }
        catch (LinuxException e)
        {
            throw Refused.State(VhostRequest.SET_DEVICE_STATE_FD, $"descriptor does not take the state: {e.Message}");
        }
    }

    /// <summary>Reads a state that somebody wrote, and may have invented.</summary>
    /// <returns>The MTU, 0 when none was set; null when it is no state of this device.</returns>
    internal static ushort? Parse(ReadOnlySpan<byte> state)
    {
        if (state.Length != Bytes ||
            BinaryPrimitives.ReadUInt64LittleEndian(state) != Mark ||
            BinaryPrimitives.ReadUInt32LittleEndian(state[8..]) != Version)
        {
            return null;
        }

        uint mtu = BinaryPrimitives.ReadUInt32LittleEndian(state[12..]);
        return mtu <= ushort.MaxValue ? (ushort)mtu : null;
    }

    /// <summary>Whether a descriptor is of a kind that cannot make us wait: a pipe or a socket.</summary>
    internal static bool IsStream(FileDescriptor descriptor) =>
        descriptor.IsSocket || descriptor.Target.StartsWith("pipe:", StringComparison.Ordinal);
}
