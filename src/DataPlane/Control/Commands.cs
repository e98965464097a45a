using Nf.DataPlane.Cpumaps;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Everything that can be done to the resources of a life, put together.</summary>
internal sealed class Commands : IDisposable
{
    internal Commands(Resources resources, EventLoop loop)
    {
        Resources = resources;
        Releaser = new XskReleaser(resources);
        Umems = new UmemCommands(resources);
        Sockets = new XskCommands(resources, new XskBinder(resources, Releaser), Releaser);
        Links = new LinkCommands(resources);
        Bridges = new BridgeCommands(resources);
        var states = new VhostStates(resources);
        VhostSockets = new VhostSockets(resources, loop, states);
        VhostDevices = new VhostCommands(resources, VhostSockets, states);
        Background = new Background(loop);
        var cpus = new MachineCpus();
        KernelCpumaps = new KernelCpumaps(resources, Background, cpus);
        UserspaceCpumaps = new UserspaceCpumaps(resources, cpus);
        resources.PortUsers = UserspaceCpumaps;
        Cpumaps = new CpumapCommands(
            resources,
            new Dictionary<CpumapBackend, ICpumapBackend>
            {
                [CpumapBackend.Kernel] = KernelCpumaps,
                [CpumapBackend.Userspace] = UserspaceCpumaps,
            },
            cpus);
        CpumapPrograms = new CpumapProgramCommands(resources, Background);
        Steerings = new SteeringCommands(resources, KernelCpumaps);
        KernelCpumaps.Senders = Steerings;
        Devices = new DeviceWatcher(resources, Sockets, Steerings, loop);
        Dispatcher = new CommandDispatcher(this);
    }

    internal Resources Resources { get; }

    internal XskReleaser Releaser { get; }

    internal UmemCommands Umems { get; }

    internal XskCommands Sockets { get; }

    internal LinkCommands Links { get; }

    internal BridgeCommands Bridges { get; }

    internal VhostSockets VhostSockets { get; }

    internal VhostCommands VhostDevices { get; }

    /// <summary>What may wait for the kernel.</summary>
    internal Background Background { get; }

    internal KernelCpumaps KernelCpumaps { get; }

    internal UserspaceCpumaps UserspaceCpumaps { get; }

    internal CpumapCommands Cpumaps { get; }

    internal CpumapProgramCommands CpumapPrograms { get; }

    internal SteeringCommands Steerings { get; }

    internal DeviceWatcher Devices { get; }

    /// <summary>What is lent.</summary>
    internal ILeaseDesk Leases { get; set; } = new NoLeaseDesk();

    internal CommandDispatcher Dispatcher { get; }

    /// <summary>
    /// Ends everything, not only a life: takes back what the kernel would keep, such as programs attached by netlink
    /// and settings of devices, and tells the keeper nothing any more.
    /// </summary>
    internal void EndEverything()
    {
        Resources.Store.Close();
        Steerings.End();
        foreach (XskResource socket in Resources.Sockets.Values.ToList())
        {
            Releaser.EndBinding(socket);
        }

        foreach (VhostResource device in Resources.VhostDevices.Values)
        {
            VhostSockets.Close(device);
        }
    }

    /// <summary>A life ends and its process with it, or another one plays it: connections stay with the keeper, and
    /// are only let go of here.</summary>
    public void Dispose()
    {
        Devices.Dispose();
        Steerings.Close();
        Background.Dispose();
        KernelCpumaps.Dispose();
        foreach (CpumapProgramResource program in Resources.CpumapPrograms.Values)
        {
            program.Dispose();
        }

        VhostDevices.LetGo();
        VhostSockets.Dispose();
    }
}
