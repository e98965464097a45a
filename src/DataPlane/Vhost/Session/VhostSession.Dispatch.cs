using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

// From a message to its handler and to its answer.
internal sealed partial class VhostSession
{
    private const uint ReplyFlags = MessageHeader.Version | MessageHeader.Reply;

    // Any failure of a request whose answer is a status: not 0 in the lowest byte. The ninth bit says that no
    // descriptor comes with it (SET_DEVICE_STATE_FD); the others do not look at it.
    private const ulong StatusFailure = 0x101;
    private const int InflightBytes = 24;

    private VhostRequest _lastRequest;

    /// <summary>Messages carried out or refused.</summary>
    internal ulong MessagesHandled { get; private set; }

    private bool AcksAreNegotiated => (_protocolFeatures & ProtocolFeatures.REPLY_ACK) != 0;

    // Before a payload is read: it must have a size its request can have.
    private static void CheckHeader(MessageHeader header)
    {
        if (RequestTable.Find(header.Request) is { } row && !row.Payload.Accepts(header.PayloadBytes))
        {
            throw new VhostFatalException(
                VhostFaultKind.Framing,
                $"{header.Request}: size {header.PayloadBytes}, must be {row.Payload} bytes");
        }
    }

    private void Dispatch(in Request request)
    {
        // Before anything is answered: with the base of its last ring a front-end ends a migration.
        EndIfLost();
        MessagesHandled++;
        _lastRequest = request.Kind;

        // The answer follows the rules that held before the request: SET_PROTOCOL_FEATURES changes them for the next.
        bool wantsAck = request.NeedReply && AcksAreNegotiated;
        RequestRow? row = RequestTable.Find(request.Kind);
        ReplyKind reply = row?.Reply ?? ReplyKind.Ack;
        try
        {
            if (row is null)
            {
                throw new VhostRefusedException(
                    $"{(uint)request.Kind}: no request has this number", VhostFaultKind.UnknownRequest);
            }

            CheckDescriptors(request, row.Descriptors);
            CheckGate(row);
            row.Handler!(this, request); // CheckGate refuses rows without one
        }
        catch (VhostRefusedException e)
        {
            string name = request.Kind.ToString();
            string why = e.Message.StartsWith(name, StringComparison.Ordinal) ? e.Message : $"{name}: {e.Message}";
            _faults.Add(e.Kind, why);
            Refuse(request, reply, wantsAck, why);
            return;
        }

        if (reply == ReplyKind.Ack && wantsAck)
        {
            Answer(request, 0UL);
        }
    }

    private void Refuse(in Request request, ReplyKind reply, bool wantsAck, string why)
    {
        switch (reply)
        {
            case ReplyKind.Status:
                Answer(request, StatusFailure);
                break;
            case ReplyKind.EmptyWhenRefused:
                Answer(request, []);
                break;
            case ReplyKind.ZeroesWhenRefused:
                Answer(request, new byte[InflightBytes]);
                break;
            case ReplyKind.Ack when wantsAck:
                Answer(request, 1UL);
                break;
            default:
                // Nothing else says no.
                EndReason = why;
                break;
        }
    }

    private void CheckGate(RequestRow row)
    {
        if ((_protocolFeatures & row.Gate) != row.Gate)
        {
            string offered = (ProtocolFeatures.Offered & row.Gate) == row.Gate ? "negotiated" : "offered";
            throw new VhostRefusedException(
                $"{row.Request}: its protocol feature (0x{row.Gate:x}) is not {offered}", VhostFaultKind.NotNegotiated);
        }

        if (row.Handler is null)
        {
            throw new VhostRefusedException(
                $"{row.Request}: not offered by a net device", VhostFaultKind.NotNegotiated);
        }
    }

    private static void CheckDescriptors(in Request request, DescriptorRule rule)
    {
        int count = request.Descriptors.Count;
        switch (rule)
        {
            case DescriptorRule.OneUnlessNoFd:
                CheckVringFile(request, count);
                return;
            case DescriptorRule.OnePerRegion:
                // Before the count of regions is judged: a table that cannot be is refused by the parser.
                int regions = PayloadParser.ParseMemoryTable(request.Payload).Length;
                RequireDescriptors(request, count == regions, $"{regions}, one for each region");
                return;
            case DescriptorRule.NoneOrOne:
                RequireDescriptors(request, count <= 1, "none");
                return;
            case DescriptorRule.One:
                RequireDescriptors(request, count == 1, "1");
                return;
            default:
                RequireDescriptors(request, count == 0, "none");
                return;
        }
    }

    private static void CheckVringFile(in Request request, int count)
    {
        RequireDescriptors(request, count <= 1, "1, or none with bit 8 of the payload");
        VringFilePayload file = PayloadParser.ParseVringFile(request.Payload);
        if (file.HasNoDescriptor == (count == 1))
        {
            throw new VhostRefusedException(
                $"{request.Kind}: {count} descriptors and bit 8 of the payload " +
                $"{(file.HasNoDescriptor ? "set" : "clear")}, must be none with it and 1 without",
                VhostFaultKind.Descriptors);
        }
    }

    private static void RequireDescriptors(in Request request, bool holds, string rule)
    {
        if (!holds)
        {
            throw new VhostFatalException(
                VhostFaultKind.Descriptors, $"{request.Kind}: {request.Descriptors.Count} descriptors, must be {rule}");
        }
    }

    private void Answer(in Request request, ulong value) =>
        Answer(request, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value)));

    private void Answer<T>(in Request request, T body, FileDescriptor? descriptor = null)
        where T : unmanaged =>
        Answer(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in body)), descriptor);

    private void Answer(in Request request, ReadOnlySpan<byte> body, FileDescriptor? descriptor = null)
    {
        if (!_writer.Send((uint)request.Kind, ReplyFlags, body, descriptor))
        {
            EndReason = "the front-end has left";
        }
    }
}
