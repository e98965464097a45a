using System.CommandLine;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl vhost</c>: get, list and delete; create has a file of its own.</summary>
internal sealed class VhostCommand : Command
{
    internal VhostCommand(CommandContext context)
        : base("vhost", "vhost-user devices: virtio-net back-ends for virtual machines")
    {
        var verbs = new ResourceVerbs(context, "vhost device", ResourceNames.VhostDevices);
        Option<bool> force = Args.Switch("--force", "Delete the link or bridge that uses it first");
        Subcommands.Add(new VhostCreateCommand(context));
        Subcommands.Add(verbs.Get(
            "Show one device: what its front-end and guest do, and what is wrong",
            async (session, name, options) => (await session.VhostDevices.GetVhostDeviceAsync(
                new GetVhostDeviceRequest { Name = name }, options)).VhostDevice,
            device => VhostTables.One(device, Names.NoDataPlane)));
        Subcommands.Add(verbs.List(
            "List devices",
            async (session, page, options) =>
                await session.VhostDevices.ListVhostDevicesAsync(new ListVhostDevicesRequest { Page = page }, options),
            answer => answer.VhostDevices, answer => answer.NextPageToken, VhostTables.List));
        Subcommands.Add(verbs.End(
            "delete", "Delete a device; its front-end is disconnected",
            async (session, name, options) => await session.VhostDevices.DeleteVhostDeviceAsync(
                new DeleteVhostDeviceRequest { Name = name, Force = session.Parsed.GetValue(force) }, options),
            options: force));
    }
}
