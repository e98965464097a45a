using System.CommandLine;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl umem create</c>. What is not given is left to the service's defaults.</summary>
internal sealed class UmemCreateCommand : Command
{
    private readonly Argument<string> _name = Args.Name("Name of the UMEM");
    private readonly Option<ulong> _size =
        Args.Option("--size", "SIZE", "Size, such as 64MiB", ByteSize.Parse).Required();

    private readonly Option<uint> _chunk =
        Args.Option("--chunk", "SIZE", "Size of a chunk [default: 2048]", ByteSize.Parse32);

    private readonly Option<uint> _headroom =
        Args.Option("--headroom", "SIZE", "Bytes left free in front of every received frame", ByteSize.Parse32);

    private readonly Option<PageSize> _pageSize =
        Args.Option("--page-size", "4k|2m|1g", "Pages that back the memory", PageSizes.Parse);

    private readonly Option<bool> _unaligned =
        Args.Switch("--unaligned", "Chunks need not be a power of two nor aligned");

    private readonly Option<uint> _txMetadata =
        Args.Option("--tx-metadata", "SIZE", "Transmit metadata in front of every frame to send", ByteSize.Parse32);

    private readonly Option<bool> _txSoftwareChecksum =
        Args.Switch("--tx-sw-checksum", "Finish checksums of transmit metadata on the CPU");

    private readonly Option<uint?> _numa =
        Args.Option("--numa", "N", "NUMA node of the memory", Numbers.OptionalUInt32);

    private readonly Option<string> _owner =
        Args.Option("--owner", "OWNER", "Whose quota the memory counts against", text => text);

    private readonly Option<uint?> _cpu =
        Args.Option("--cpu", "N", "CPU whose worker polls its sockets", Numbers.OptionalUInt32);

    private readonly Option<bool> _validateOnly = Args.Switch("--validate-only", "Check only; create nothing");
    private readonly LabelOption _labels = new();

    internal UmemCreateCommand(CommandContext context)
        : base("create", "Create a UMEM")
    {
        _pageSize.CompletionSources.Add("4k", "2m", "1g");
        Arguments.Add(_name);
        foreach (Option option in new Option[]
            { _size, _chunk, _headroom, _pageSize, _unaligned, _txMetadata, _txSoftwareChecksum, _numa, _owner, _cpu })
        {
            Options.Add(option);
        }

        _labels.AddTo(this);
        Options.Add(_validateOnly);
        context.Handle(this, async (session, cancel) =>
        {
            CreateUmemResponse answer = await session.Umems.CreateUmemAsync(
                ToRequest(session.Parsed), session.Once(cancel));
            return CommandContext.Print(session, answer.Umem, () => UmemTables.One(answer.Umem));
        });
    }

    internal CreateUmemRequest ToRequest(ParseResult parsed)
    {
        var spec = new UmemSpec
        {
            SizeBytes = parsed.GetRequiredValue(_size),
            ChunkSizeBytes = parsed.GetValue(_chunk),
            HeadroomBytes = parsed.GetValue(_headroom),
            PageSize = parsed.GetValue(_pageSize),
            Unaligned = parsed.GetValue(_unaligned),
            TxMetadataBytes = parsed.GetValue(_txMetadata),
            TxSoftwareChecksum = parsed.GetValue(_txSoftwareChecksum),
            QuotaOwner = parsed.GetValue(_owner) ?? "",
        };
        if (parsed.GetValue(_numa) is { } numaNode)
        {
            spec.NumaNode = numaNode;
        }

        if (parsed.GetValue(_cpu) is { } cpu)
        {
            spec.WorkerCpu = cpu;
        }

        var request = new CreateUmemRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Spec = spec,
            ValidateOnly = parsed.GetValue(_validateOnly),
        };
        _labels.Fill(parsed, request.Labels);
        return request;
    }
}
