using System.CommandLine;
using Nf.Ctl.Client;
using Nf.Ctl.Completion;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl vhost</c>: get, list and delete; create has a file of its own.</summary>
internal sealed class VhostCommand : Command
{
    private readonly Option<bool> _force = Args.Switch("--force", "Delete the link or bridge that uses it first");

    internal VhostCommand(CommandContext context)
        : base("vhost", "vhost-user devices: virtio-net back-ends for virtual machines")
    {
        Subcommands.Add(new VhostCreateCommand(context));

        Argument<string> name = ResourceNames.Complete(
            Args.Name("Name of the device"), context, ResourceNames.VhostDevices);
        var get = new Command("get", "Show one device: what its front-end and guest do, and what is wrong") { name };
        context.Handle(get, async (session, cancel) =>
        {
            GetVhostDeviceResponse answer = await session.VhostDevices.GetVhostDeviceAsync(
                new GetVhostDeviceRequest { Name = session.Parsed.GetRequiredValue(name) }, session.Once(cancel));
            return CommandContext.Print(
                session, answer.VhostDevice, () => VhostTables.One(answer.VhostDevice, Names.NoDataPlane));
        });
        Subcommands.Add(get);

        var list = new Command("list", "List devices");
        list.Aliases.Add("ls");
        context.Handle(list, async (session, cancel) =>
        {
            var all = new ListVhostDevicesResponse();
            all.VhostDevices.Add(await ListAsync(session, cancel));
            return CommandContext.Print(session, all, () => VhostTables.List(all.VhostDevices));
        });
        Subcommands.Add(list);

        Argument<string> gone = ResourceNames.Complete(
            Args.Name("Name of the device"), context, ResourceNames.VhostDevices);
        var delete = new Command("delete", "Delete a device; its front-end is disconnected") { gone, _force };
        context.Handle(delete, async (session, cancel) =>
        {
            var request = new DeleteVhostDeviceRequest
            {
                Name = session.Parsed.GetRequiredValue(gone),
                Force = session.Parsed.GetValue(_force),
            };
            DeleteVhostDeviceResponse answer =
                await session.VhostDevices.DeleteVhostDeviceAsync(request, session.Once(cancel));
            return CommandContext.PrintDone(session, answer, $"vhost device {request.Name} deleted");
        });
        Subcommands.Add(delete);
    }

    /// <summary>Every device, page by page.</summary>
    internal static Task<List<VhostDevice>> ListAsync(Session session, CancellationToken cancel)
    {
        return Pages.ReadAllAsync<VhostDevice>(async page =>
        {
            ListVhostDevicesResponse answer = await session.VhostDevices.ListVhostDevicesAsync(
                new ListVhostDevicesRequest { Page = page }, session.Once(cancel));
            return (answer.VhostDevices, answer.NextPageToken);
        });
    }
}
