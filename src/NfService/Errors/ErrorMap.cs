using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Nf.Linux;
using Any = Google.Protobuf.WellKnownTypes.Any;
using CallStatus = Grpc.Core.Status;

namespace Nf.Service;

/// <summary>The only place that knows which failure is which gRPC status, and what is told beside it.</summary>
internal static class ErrorMap
{
    /// <summary>The trailer that carries a google.rpc.Status.</summary>
    public const string DetailsTrailer = "grpc-status-details-bin";

    /// <summary>The domain of every reason.</summary>
    public const string Domain = "nf";

    // HTTP/2 peers refuse headers beyond some 8 KiB, and base64 makes a third more.
    private const int DetailsBytesMax = 4096;
    private const int MessageCharsMax = 1024;

    // Of one field. The end of a verifier's log is what says why.
    private const int DescriptionCharsMax = 2400;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>The answer to a failure, or null when nobody foresaw it.</summary>
    public static RpcException? ToRpc(Exception failure) => failure switch
    {
        InvalidSpecException e => Make(
            StatusCode.InvalidArgument, e, Info("INVALID_SPEC", "", Errno.EINVAL), Fields(e.Faults)),
        UnknownResourceException e => Make(
            StatusCode.NotFound, e, Info("UNKNOWN_RESOURCE", "", Errno.ENOENT),
            Resource(e.ResourceType, e.ResourceName)),
        ResourceExistsException e => Make(
            StatusCode.AlreadyExists, e, Info("NAME_TAKEN", "", Errno.EEXIST),
            Resource(e.ResourceType, e.ResourceName)),
        ResourceInUseException e => Make(
            StatusCode.FailedPrecondition, e, Info(e.Reason, "", Errno.EBUSY), Users(e)),
        QuotaExceededException e => Make(
            StatusCode.ResourceExhausted, e, Info("QUOTA_EXCEEDED", "", Errno.ENOBUFS), Quota($"owner:{e.Owner}", e)),
        LimitReachedException e => Make(
            StatusCode.ResourceExhausted, e, Info("LIMIT_REACHED", "", Errno.ENOBUFS), Quota(e.ResourceType, e)),
        DataPlaneUnavailableException e => Make(
            StatusCode.Unavailable, e, Info("DATA_PLANE_UNAVAILABLE", "", Errno.EAGAIN), Retry()),
        DataPlaneTimeoutException e => Make(
            StatusCode.DeadlineExceeded, e, Info("DATA_PLANE_TIMEOUT", "", Errno.ETIMEDOUT), Retry()),
        DataPlaneFaultException e => Fault(e),
        _ => null,
    };

    private static RpcException Fault(DataPlaneFaultException e)
    {
        StatusCode code = ErrnoTable.StatusOf(e.Reason, e.Errno);
        string reason = e.Reason.Length > 0 ? e.Reason : e.Errno.ToString();
        ErrorInfo info = Info(reason, e.Call, e.Errno);
        return code switch
        {
            StatusCode.Unavailable => Make(code, e, info, Retry()),
            StatusCode.FailedPrecondition => Make(code, e, info, new PreconditionFailure
            {
                Violations = { new PreconditionFailure.Types.Violation { Type = reason, Description = e.Message } },
            }),
            StatusCode.ResourceExhausted => Make(code, e, info, Quota(reason, e)),
            StatusCode.InvalidArgument or StatusCode.OutOfRange => Make(code, e, info, Fields(
                e.Fields.Count > 0 ? e.Fields : [new SpecFault(FieldOf(reason), e.Message)])),
            _ => Make(code, e, info),
        };
    }

    // What only the data plane can check.
    private static string FieldOf(string reason) => reason switch
    {
        "QUEUE_OUT_OF_RANGE" => "spec.queue",
        "WORKER_CPU_UNKNOWN" => "spec.worker_cpu",
        "NUMA_NODE_UNKNOWN" => "spec.numa_node",
        "SOCKET_PATH_INVALID" => "spec.socket_path",
        "CPU_OUT_OF_RANGE" => "cpu",
        "QUEUE_TOO_LARGE" => "entry.queue_size",
        "WRONG_ATTACH_TYPE" => "entry.program",
        _ => "spec",
    };

    private static ErrorInfo Info(string reason, string call, Errno errno) => new()
    {
        // Field 1, which this version of the protos still calls by its first name; today it is "reason".
        Type = reason,
        Domain = Domain,
        Metadata = { ["call"] = call, ["errno"] = System.Enum.IsDefined(errno) ? errno.ToString() : $"{(int)errno}" },
    };

    private static BadRequest Fields(IReadOnlyList<SpecFault> faults) => new()
    {
        FieldViolations =
        {
            faults.Select(fault => new BadRequest.Types.FieldViolation
            {
                Field = fault.Field,
                Description = fault.Description.Length <= DescriptionCharsMax
                    ? fault.Description
                    : "…" + fault.Description[^DescriptionCharsMax..],
            }),
        },
    };

    private static ResourceInfo Resource(string type, string name) =>
        new() { ResourceType = type, ResourceName = name };

    private static PreconditionFailure Users(ResourceInUseException e) => new()
    {
        Violations =
        {
            e.Users.Select(user => new PreconditionFailure.Types.Violation
            {
                Type = e.Reason,
                Subject = $"{e.UserType}:{user}",
                Description = $"{e.UserType} \"{user}\" uses {e.ResourceType} \"{e.ResourceName}\"",
            }),
        },
    };

    private static QuotaFailure Quota(string subject, Exception e) => new()
    {
        Violations = { new QuotaFailure.Types.Violation { Subject = subject, Description = e.Message } },
    };

    private static RetryInfo Retry() => new() { RetryDelay = Duration.FromTimeSpan(RetryDelay) };

    private static RpcException Make(StatusCode code, Exception failure, params IMessage[] details)
    {
        string message = failure.Message.Length <= MessageCharsMax
            ? failure.Message
            : failure.Message[..MessageCharsMax] + "…";
        var status = new Google.Rpc.Status { Code = (int)code, Message = message };
        foreach (IMessage detail in details)
        {
            var packed = Any.Pack(detail);
            if (status.CalculateSize() + packed.CalculateSize() <= DetailsBytesMax)
            {
                status.Details.Add(packed);
            }
            else if (detail is BadRequest or PreconditionFailure)
            {
                status.Details.Add(Any.Pack(Shortened(detail, DetailsBytesMax - status.CalculateSize() - 128)));
            }
        }

        return new RpcException(
            new CallStatus(code, message), new Metadata { { DetailsTrailer, status.ToByteArray() } });
    }

    // Keeps the violations that fit, so that a caller with two hundred faults sees the first of them, not none.
    private static IMessage Shortened(IMessage detail, int bytesMax)
    {
        IMessage kept = detail is BadRequest ? new BadRequest() : new PreconditionFailure();
        System.Collections.IList from = Violations(detail);
        System.Collections.IList to = Violations(kept);
        foreach (object? violation in from)
        {
            to.Add(violation);
            if (kept.CalculateSize() > bytesMax)
            {
                to.RemoveAt(to.Count - 1);
                break;
            }
        }

        return kept;
    }

    private static System.Collections.IList Violations(IMessage detail) => detail switch
    {
        BadRequest bad => bad.FieldViolations,
        PreconditionFailure failure => failure.Violations,
        _ => throw new ArgumentException(detail.Descriptor.FullName, nameof(detail)),
    };
}
