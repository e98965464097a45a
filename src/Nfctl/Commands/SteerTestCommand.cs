using System.CommandLine;
using Google.Protobuf;
using Nf.Ctl.Parsing;
using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Commands;

/// <summary><c>nfctl steer test</c>: what would become of packets.</summary>
internal sealed class SteerTestCommand : Command
{
    // Of a request, as the contract has it.
    private const int PacketsPerCall = 1000;

    private readonly Argument<string> _name;
    private readonly Argument<byte[][]> _packets = new("HEX")
    {
        Description = "Packets from the Ethernet header on, in hexadecimal; colons between bytes are ignored",
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => [.. result.Tokens.Select(t => Args.Parse(result, "HEX", t.Value, HexPacket.Parse)!)],
    };

    private readonly Option<List<byte[]>> _pcap = Args.Option(
        "--pcap", "FILE", "Packets of a capture file: pcap, as `tcpdump -w` writes it, or pcapng", PcapFile.Read);

    private readonly Option<uint> _queue =
        Args.Option("--queue", "N", "The queue they would arrive on [default: 0]", Numbers.UInt32);

    internal SteerTestCommand(CommandContext context)
        : base("test", "Tell which rule and action packets would meet; nothing is sent or counted")
    {
        _name = SteerCommand.NameOf(context);
        Arguments.Add(_name);
        Arguments.Add(_packets);
        Options.Add(_pcap);
        Options.Add(_queue);
        Validators.Add(result =>
        {
            bool hasHex = result.GetResult(_packets) is { Tokens.Count: > 0 };
            if (hasHex == result.GetResult(_pcap) is not null)
            {
                result.AddError(hasHex
                    ? "give packets or --pcap, not both"
                    : "a packet in hexadecimal or --pcap is required");
            }
        });
        context.Handle(this, async (session, cancel) =>
        {
            IReadOnlyList<byte[]> packets = PacketsOf(session.Parsed);
            var all = new TestSteeringResponse();
            foreach (TestSteeringRequest request in ToRequests(session.Parsed))
            {
                TestSteeringResponse answer =
                    await session.Steerings.TestSteeringAsync(request, session.Once(cancel));
                all.Verdicts.Add(answer.Verdicts);
            }

            return CommandContext.Print(session, all, () => SteeringTables.Verdicts(packets, all.Verdicts));
        });
    }

    /// <summary>One request for as many packets as one may have.</summary>
    internal IEnumerable<TestSteeringRequest> ToRequests(ParseResult parsed) =>
        PacketsOf(parsed).Chunk(PacketsPerCall).Select(some => new TestSteeringRequest
        {
            Name = parsed.GetRequiredValue(_name),
            Packets = { some.Select(packet => ByteString.CopyFrom(packet)) },
            Queue = parsed.GetValue(_queue),
        });

    private IReadOnlyList<byte[]> PacketsOf(ParseResult parsed) =>
        parsed.GetResult(_pcap) is null ? parsed.GetRequiredValue(_packets) : parsed.GetRequiredValue(_pcap);
}
