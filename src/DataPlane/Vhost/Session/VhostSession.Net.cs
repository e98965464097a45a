using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

// What is particular to a net device, and its move to another back-end.
internal sealed partial class VhostSession
{
    private const ulong MtuMin = 68;
    private const ulong MtuMax = ushort.MaxValue;
    private const ulong StatusDone = 0x100; // no descriptor comes with the answer
    private const ulong MacMask = 0xffff_ffff_ffff;

    private readonly ConfigSpace _config;
    private ushort? _mtu;
    private bool _configChangePending;
    private DeviceStateLoad? _stateLoad;
    private bool? _stateTransferSucceeded;

    internal void SendRarp(in Request request)
    {
        ulong mac = PayloadParser.ParseNumber(request.Payload) & MacMask;
        if (mac == 0 || (mac & 1) != 0)
        {
            throw Refused.Value(request.Kind, $"mac 0x{mac:x12} (first byte last), must be that of one station");
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, mac);
        _host.SendRarp(bytes[..6]);
    }

    internal void SetMtu(in Request request)
    {
        ulong mtu = PayloadParser.ParseNumber(request.Payload);
        if ((_host.OfferedFeatures & VirtioFeatures.Mtu) == 0)
        {
            throw new VhostRefusedException(
                $"{request.Kind}: VIRTIO_NET_F_MTU is not offered", VhostFaultKind.NotNegotiated);
        }

        if (mtu is < MtuMin or > MtuMax)
        {
            throw Refused.Value(request.Kind, $"mtu {mtu}, must be {MtuMin} to {MtuMax}");
        }

        ApplyMtu((ushort)mtu);
    }

    internal void GetConfig(in Request request)
    {
        ConfigPayload piece = PayloadParser.ParseConfig(request.Payload, out ReadOnlySpan<byte> sent);
        Span<byte> reply = stackalloc byte[ConfigPayload.Bytes + (int)ConfigPayload.SpaceBytes];
        reply = reply[..(ConfigPayload.Bytes + sent.Length)];
        MemoryMarshal.Write(reply, piece);
        _config.Read(request.Kind, piece, reply[ConfigPayload.Bytes..]);
        Answer(request, reply);
    }

    internal void SetConfig(in Request request)
    {
        ConfigPayload piece = PayloadParser.ParseConfig(request.Payload, out ReadOnlySpan<byte> bytes);
        _config.Write(request.Kind, piece, bytes);
        _changed = true;
    }

    internal void SetBackendChannel(in Request request)
    {
        BackendChannel channel = BackendChannel.Adopt(request.Descriptors.Peek(0));
        request.Descriptors.Take();
        _channel?.Dispose();
        _channel = channel;
        _changed = true;
    }

    /// <summary><see cref="IVhostHost.Config"/> changed: tells the front-end where it can be told.</summary>
    internal void OnConfigChanged()
    {
        _configChangePending = true;
        try
        {
            TellConfigChange();
        }
        catch (LinuxException)
        {
            // Not in a turn of this session, which it could end: the next tick tries again.
        }
    }

    internal void SetDeviceState(in Request request)
    {
        DeviceStatePayload state = PayloadParser.ParseDeviceState(request.Payload);
        _stateTransferSucceeded = null;
        if (state.Direction > DeviceStatePayload.Load || state.Phase != DeviceStatePayload.Stopped)
        {
            throw Refused.Value(
                request.Kind, $"direction {state.Direction} and phase {state.Phase}, must be 0 or 1 and 0");
        }

        if (AnyRingStarted)
        {
            throw Refused.State(request.Kind, "a ring runs, all must be stopped");
        }

        if (!DeviceState.IsStream(request.Descriptors.Peek(0)))
        {
            throw Refused.Value(request.Kind, "descriptor is neither a pipe nor a socket");
        }

        _stateLoad?.Dispose();
        _stateLoad = null;
        if (state.Direction == DeviceStatePayload.Save)
        {
            // The end of the state is the end of the file, which comes when the descriptor is closed with its message.
            DeviceState.Save(request.Descriptors.Peek(0), _mtu ?? 0);
            _stateTransferSucceeded = true;
        }
        else
        {
            _stateLoad = new DeviceStateLoad(request.Descriptors.Take());
            _stateLoad.Read();
        }

        Answer(request, StatusDone);
    }

    internal void CheckDeviceState(in Request request)
    {
        if (_stateLoad is { } load)
        {
            load.Read();
            _stateTransferSucceeded = load.IsComplete && TryApply(load.Bytes);
            load.Dispose();
            _stateLoad = null;
        }

        bool? succeeded = _stateTransferSucceeded;
        _stateTransferSucceeded = null;
        if (succeeded != true)
        {
            throw Refused.State(
                request.Kind,
                succeeded is null ? "no state was transferred before" : "the state is not whole, or not this device's");
        }

        Answer(request, 0UL);
    }

    private bool TryApply(ReadOnlySpan<byte> state)
    {
        if (DeviceState.Parse(state) is not { } mtu || mtu is not 0 and < (ushort)MtuMin)
        {
            return false;
        }

        if (mtu != 0)
        {
            ApplyMtu(mtu);
        }

        return true;
    }

    private void ApplyMtu(ushort mtu)
    {
        _mtu = mtu;
        _changed = true;
        _host.SetMtu(mtu);
    }

    // A device whose rings are all stopped says nothing; it is said when one starts.
    private void TellConfigChange()
    {
        if (_configChangePending && AnyRingStarted && _channel is { } channel &&
            (_protocolFeatures & ProtocolFeatures.CONFIG) != 0)
        {
            _configChangePending = !channel.TryTellConfigChange();
        }
    }
}
