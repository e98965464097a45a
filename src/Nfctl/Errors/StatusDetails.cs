using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace Nf.Ctl.Errors;

/// <summary>What a failed call says beyond its status: google.rpc.Status in the trailers.</summary>
internal sealed record StatusDetails(
    IReadOnlyList<BadRequest.Types.FieldViolation> Violations, ErrorInfo? Info, TimeSpan? RetryAfter)
{
    private const string Trailer = "grpc-status-details-bin";

    private static readonly StatusDetails Nothing = new([], null, null);

    /// <summary>The details of a failure; empty when it has none that can be read.</summary>
    internal static StatusDetails Of(RpcException failure)
    {
        byte[]? bytes = failure.Trailers.GetValueBytes(Trailer);
        if (bytes is null)
        {
            return Nothing;
        }

        try
        {
            return Decode(Google.Rpc.Status.Parser.ParseFrom(bytes));
        }
        catch (InvalidProtocolBufferException)
        {
            // The status itself still says what is wrong.
            return Nothing;
        }
    }

    private static StatusDetails Decode(Google.Rpc.Status status)
    {
        List<BadRequest.Types.FieldViolation> violations = [];
        ErrorInfo? info = null;
        TimeSpan? retryAfter = null;
        foreach (Any detail in status.Details)
        {
            if (detail.TryUnpack(out BadRequest badRequest))
            {
                violations.AddRange(badRequest.FieldViolations);
            }
            else if (detail.TryUnpack(out ErrorInfo errorInfo))
            {
                info ??= errorInfo;
            }
            else if (detail.TryUnpack(out RetryInfo retry) && retry.RetryDelay is { } delay)
            {
                retryAfter = TimeSpan.FromSeconds(delay.Seconds + (delay.Nanos / 1e9));
            }
        }

        return new StatusDetails(violations, info, retryAfter);
    }
}
