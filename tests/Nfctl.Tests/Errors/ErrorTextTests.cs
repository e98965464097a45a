using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Nf.Ctl.Errors;

namespace Nf.Ctl.Tests.Errors;

public class ErrorTextTests
{
    public static TheoryData<StatusCode, string, int> Statuses => new()
    {
        { StatusCode.Cancelled, "cancelled", 130 },
        { StatusCode.Unknown, "unknown error", 1 },
        { StatusCode.InvalidArgument, "invalid argument", 6 },
        { StatusCode.DeadlineExceeded, "timed out", 8 },
        { StatusCode.NotFound, "not found", 3 },
        { StatusCode.AlreadyExists, "already exists", 4 },
        { StatusCode.PermissionDenied, "permission denied", 4 },
        { StatusCode.ResourceExhausted, "resource exhausted", 7 },
        { StatusCode.FailedPrecondition, "refused", 4 },
        { StatusCode.Aborted, "aborted", 4 },
        { StatusCode.OutOfRange, "out of range", 6 },
        { StatusCode.Unimplemented, "not implemented", 4 },
        { StatusCode.Internal, "internal error", 1 },
        { StatusCode.Unavailable, "unavailable", 5 },
        { StatusCode.DataLoss, "data loss", 1 },
        { StatusCode.Unauthenticated, "unauthenticated", 4 },
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void Write_AnyStatus_NamesItInOneLine(StatusCode status, string name, int exitCode)
    {
        string[] lines = Write(Failure(status, "what happened"));

        Assert.Equal($"error: {name}: what happened", lines[0]);
        Assert.InRange(lines.Length, 1, 2);
        Assert.All(lines.Skip(1), l => Assert.StartsWith("hint: ", l, StringComparison.Ordinal));
        Assert.Equal(exitCode, ExitCode.For(status));
    }

    [Fact]
    public void Statuses_Table_HasEveryStatus()
    {
        Assert.Equal(System.Enum.GetValues<StatusCode>().Length - 1, Statuses.Count); // all but OK
        Assert.Equal(0, ExitCode.For(StatusCode.OK));
    }

    [Fact]
    public void Write_FieldViolations_GetALineEach()
    {
        var faults = new BadRequest
        {
            FieldViolations =
            {
                Fault("spec.size_bytes", "100 is no multiple of 2048"),
                Fault("spec.headroom_bytes", "9999 is above 1344"),
            },
        };

        string[] lines = Write(Failure(StatusCode.InvalidArgument, "2 faults", faults));

        Assert.Equal(
            [
                "error: invalid argument: 2 faults",
                "  spec.size_bytes: 100 is no multiple of 2048",
                "  spec.headroom_bytes: 9999 is above 1344",
            ],
            lines);
    }

    [Fact]
    public void Write_MessageRepeatsTheViolations_IsNotPrintedTwice()
    {
        var faults = new BadRequest { FieldViolations = { Fault("name", "is empty") } };

        string[] lines = Write(Failure(StatusCode.InvalidArgument, "name: is empty", faults));

        Assert.Equal(["error: invalid argument: one field is at fault", "  name: is empty"], lines);
    }

    [Theory]
    [InlineData("FOREIGN_XDP_PROGRAM", "`ip link set eth1 xdp off` if the program is yours")]
    [InlineData("CAPABILITY_MISSING", "the data plane lacks CAP_BPF: ")]
    [InlineData("QUEUE_TAKEN", "another socket has this queue")]
    [InlineData("ZERO_COPY_UNSUPPORTED", "--mode auto")]
    [InlineData("QUOTA_EXCEEDED", "--quota OWNER=BYTES")]
    [InlineData("SOCKET_IN_BRIDGE", "`nfctl bridge list`")]
    [InlineData("SOCKET_PATH_TAKEN", "choose another --socket")]
    [InlineData("SOCKET_PATH_INVALID", "make the directory of --socket first")]
    [InlineData("SOCKET_PATH_DENIED", "may not make a socket there")]
    public void Write_KnownReason_GivesItsHint(string reason, string hint)
    {
        var info = new ErrorInfo
        {
            Type = reason,
            Domain = "nf",
            Metadata = { ["interface"] = "eth1", ["capability"] = "CAP_BPF" },
        };

        string[] lines = Write(Failure(StatusCode.FailedPrecondition, "no", info));

        Assert.StartsWith("hint: ", lines[^1], StringComparison.Ordinal);
        Assert.Contains(hint, lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void ErrorInfo_FieldNumberOfReason_IsThatOfType()
    {
        // google.rpc renamed field 1 from "type" to "reason" after the version of the protos used here.
        Assert.Equal(1, ErrorInfo.TypeFieldNumber);
    }

    [Fact]
    public void Write_RetryInfo_SaysWhen()
    {
        var retry = new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(250)) };

        Assert.Equal("hint: try again in 250ms", Write(Failure(StatusCode.Unavailable, "restarting", retry))[^1]);
    }

    [Fact]
    public void Write_DetailsThatAreNoProtobuf_StillShowsTheStatus()
    {
        var trailers = new Metadata { { "grpc-status-details-bin", new byte[] { 0xff, 0xff, 0xff } } };

        string[] lines = Write(new RpcException(new Grpc.Core.Status(StatusCode.Aborted, "lost"), trailers));

        Assert.Equal(["error: aborted: lost"], lines);
    }

    [Fact]
    public void Write_ControlCharacters_AreShownNotSent()
    {
        Assert.Equal("error: aborted: a\\x1b[2Jb\\x0ac", Write(Failure(StatusCode.Aborted, "a\e[2Jb\nc"))[0]);
    }

    private static BadRequest.Types.FieldViolation Fault(string field, string description)
    {
        return new BadRequest.Types.FieldViolation { Field = field, Description = description };
    }

    private static RpcException Failure(StatusCode status, string message, params IMessage[] details)
    {
        var rich = new Google.Rpc.Status { Code = (int)status, Message = message };
        rich.Details.AddRange(details.Select(Any.Pack));
        var trailers = new Metadata { { "grpc-status-details-bin", rich.ToByteArray() } };
        return new RpcException(new Grpc.Core.Status(status, message), trailers);
    }

    private static string[] Write(RpcException failure)
    {
        using var output = new StringWriter();
        ErrorText.Write(output, failure, color: false);
        return output.ToString().TrimEnd('\n').Split('\n');
    }
}
