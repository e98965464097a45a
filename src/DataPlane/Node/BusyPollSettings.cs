using Nf.Linux;
using BusyPoll = Nf.V1.BusyPoll;

namespace Nf.DataPlane.Node;

/// <summary>
/// napi_defer_hard_irqs and gro_flush_timeout of devices, changed while sockets want them and put back afterwards.
/// Control thread only.
/// </summary>
/// <param name="keep">
/// Leaves what <see cref="DeviceBusyPoll.Describe"/> tells with the keeper: called before a setting is changed for the
/// first time, so that whenever this life ends the next one knows what to put back.
/// </param>
/// <param name="forget">Has the keeper forget a device: called when everything was put back.</param>
internal sealed class BusyPollSettings(Action<DeviceBusyPoll> keep, Action<DeviceBusyPoll> forget) : IDisposable
{
    private readonly Dictionary<(FileIdentity Namespace, int Ifindex), DeviceBusyPoll> _devices = [];

    /// <summary>Every device whose settings are changed.</summary>
    internal IReadOnlyCollection<DeviceBusyPoll> Devices => _devices.Values;

    /// <summary>Puts a socket's wish into force.</summary>
    /// <param name="network">Where the device is; stays the caller's.</param>
    /// <param name="ifindex">The device.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="wish">defer_hard_irqs and gro_flush_timeout_ns; 0 leaves a setting alone.</param>
    /// <returns>The device; null when nothing is wished for.</returns>
    /// <exception cref="CommandFaultException">BUSY_POLL_SETTINGS_REFUSED.</exception>
    internal DeviceBusyPoll? Acquire(NetworkNamespace network, int ifindex, string name, BusyPoll wish)
    {
        if (wish is { DeferHardIrqs: 0, GroFlushTimeoutNs: 0 })
        {
            return null;
        }

        (FileIdentity, int) key = (network.Identity, ifindex);
        if (!_devices.TryGetValue(key, out DeviceBusyPoll? device))
        {
            device = DeviceBusyPoll.Create(network, ifindex, name);
            _devices.Add(key, device);
        }

        try
        {
            device.Add(wish, keep);
            return device;
        }
        catch (LinuxException refusal)
        {
            Settle(device);
            throw CommandFaultException.From(
                "BUSY_POLL_SETTINGS_REFUSED", $"busy_poll: settings of interface {name} (ifindex {ifindex})", refusal);
        }
        catch
        {
            // What the next life could not put back is not changed.
            Settle(device);
            throw;
        }
    }

    /// <summary>Takes a socket's wish away.</summary>
    /// <param name="device">From <see cref="Acquire"/>.</param>
    /// <param name="wish">The same wish.</param>
    /// <returns>True when the device is as it was before.</returns>
    internal bool Release(DeviceBusyPoll device, BusyPoll wish)
    {
        device.Remove(wish);
        return Settle(device);
    }

    /// <summary>
    /// Takes over what an earlier life changed, with no wish counted yet: each adopted socket calls <see
    /// cref="Acquire"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">The metadata is damaged; the descriptor stays the caller's.</exception>
    internal DeviceBusyPoll Adopt(ReadOnlySpan<byte> metadata, FileDescriptor network)
    {
        DeviceBusyPoll device = DeviceBusyPoll.Adopt(metadata, network);
        if (!_devices.TryAdd((device.Network.Identity, device.Ifindex), device))
        {
            throw new InvalidDataException($"busy poll settings: ifindex {device.Ifindex} has been adopted already");
        }

        return device;
    }

    /// <summary>Puts back what no socket came back for after an adoption.</summary>
    internal void RestoreUnwanted()
    {
        foreach (DeviceBusyPoll device in _devices.Values.Where(device => device.WishCount == 0).ToList())
        {
            device.Restore();
            Settle(device);
        }
    }

    /// <summary>Closes descriptors; the settings stay as they are for the next life.</summary>
    public void Dispose()
    {
        foreach (DeviceBusyPoll device in _devices.Values)
        {
            device.Dispose();
        }

        _devices.Clear();
    }

    // What was put back is forgotten only then: a successor that finds it stored puts it back once more.
    private bool Settle(DeviceBusyPoll device)
    {
        if (device.WishCount > 0)
        {
            keep(device);
            return false;
        }

        forget(device);
        _devices.Remove((device.Network.Identity, device.Ifindex));
        device.Dispose();
        return true;
    }
}
