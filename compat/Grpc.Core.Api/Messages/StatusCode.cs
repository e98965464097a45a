namespace Grpc.Core;

/// <summary>Status codes; the numbers are those of the gRPC wire protocol.</summary>
public enum StatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>The caller gave up.</summary>
    Cancelled = 1,

    /// <summary>An error that carried no better code.</summary>
    Unknown = 2,

    /// <summary>The request can never work as written.</summary>
    InvalidArgument = 3,

    /// <summary>Time ran out.</summary>
    DeadlineExceeded = 4,

    /// <summary>No such thing.</summary>
    NotFound = 5,

    /// <summary>It exists and differs.</summary>
    AlreadyExists = 6,

    /// <summary>A known caller may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A quota or resource is used up.</summary>
    ResourceExhausted = 8,

    /// <summary>Not in the present state of the system.</summary>
    FailedPrecondition = 9,

    /// <summary>A concurrent change won.</summary>
    Aborted = 10,

    /// <summary>Past the valid range.</summary>
    OutOfRange = 11,

    /// <summary>Not offered here.</summary>
    Unimplemented = 12,

    /// <summary>A broken invariant.</summary>
    Internal = 13,

    /// <summary>Not reachable now; trying again may help.</summary>
    Unavailable = 14,

    /// <summary>Data was lost for good.</summary>
    DataLoss = 15,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,
}
