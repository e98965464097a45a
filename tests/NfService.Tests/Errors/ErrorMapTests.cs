using Google.Rpc;
using Grpc.Core;
using Nf.Linux;

namespace Nf.Service.Tests;

public sealed class ErrorMapTests
{
    [Theory]
    [InlineData(Errno.EINVAL, StatusCode.InvalidArgument)]
    [InlineData(Errno.ENODEV, StatusCode.NotFound)]
    [InlineData(Errno.ENOENT, StatusCode.NotFound)]
    [InlineData(Errno.EEXIST, StatusCode.AlreadyExists)]
    [InlineData(Errno.EADDRINUSE, StatusCode.AlreadyExists)]
    [InlineData(Errno.EBUSY, StatusCode.FailedPrecondition)]
    [InlineData(Errno.ENOBUFS, StatusCode.ResourceExhausted)]
    [InlineData(Errno.ENOMEM, StatusCode.ResourceExhausted)]
    [InlineData(Errno.EMFILE, StatusCode.ResourceExhausted)]
    [InlineData(Errno.EOVERFLOW, StatusCode.OutOfRange)]
    [InlineData(Errno.E2BIG, StatusCode.OutOfRange)]
    [InlineData(Errno.EOPNOTSUPP, StatusCode.FailedPrecondition)]
    [InlineData(Errno.EPERM, StatusCode.FailedPrecondition)]
    [InlineData(Errno.EAGAIN, StatusCode.Unavailable)]
    [InlineData(Errno.EFAULT, StatusCode.FailedPrecondition)]
    [InlineData(Errno.EIO, StatusCode.Internal)]
    public void ToRpc_FaultWithoutKnownReason_FollowsItsErrno(Errno errno, StatusCode status)
    {
        RpcException answer = ErrorMap.ToRpc(new DataPlaneFaultException("what", "bind", errno, ""))!;

        Assert.Equal(status, answer.StatusCode);
        ErrorInfo info = answer.Detail<ErrorInfo>();
        Assert.Equal((errno.ToString(), "nf"), (info.Type, info.Domain));
        Assert.Equal(("bind", errno.ToString()), (info.Metadata["call"], info.Metadata["errno"]));
    }

    [Theory]
    [InlineData("QUEUE_TAKEN", Errno.EBUSY, StatusCode.FailedPrecondition)]
    [InlineData("QUEUE_OUT_OF_RANGE", Errno.EINVAL, StatusCode.InvalidArgument)]
    [InlineData("WORKER_CPU_UNKNOWN", Errno.EINVAL, StatusCode.InvalidArgument)]
    [InlineData("NUMA_NODE_UNKNOWN", Errno.EINVAL, StatusCode.InvalidArgument)]
    [InlineData("INTERFACE_NOT_FOUND", Errno.ENODEV, StatusCode.NotFound)]
    [InlineData("NAMESPACE_NOT_FOUND", Errno.ENOENT, StatusCode.NotFound)]
    [InlineData("FOREIGN_XDP_PROGRAM", Errno.EEXIST, StatusCode.FailedPrecondition)]
    [InlineData("ZERO_COPY_UNSUPPORTED", Errno.EINVAL, StatusCode.FailedPrecondition)]
    [InlineData("NATIVE_XDP_UNSUPPORTED", Errno.EOPNOTSUPP, StatusCode.FailedPrecondition)]
    [InlineData("CAPABILITY_MISSING", Errno.EPERM, StatusCode.FailedPrecondition)]
    [InlineData("MEMORY_EXHAUSTED", Errno.ENOMEM, StatusCode.ResourceExhausted)]
    [InlineData("MEMLOCK_EXCEEDED", Errno.ENOBUFS, StatusCode.ResourceExhausted)]
    [InlineData("IN_USE", Errno.EBUSY, StatusCode.FailedPrecondition)]
    [InlineData("UNKNOWN_RESOURCE", Errno.ENOENT, StatusCode.NotFound)]
    [InlineData("NAME_TAKEN", Errno.EEXIST, StatusCode.AlreadyExists)]
    [InlineData("NAME_TAKEN", Errno.EBUSY, StatusCode.Unavailable)]
    [InlineData("SOCKET_IN_LINK", Errno.EBUSY, StatusCode.FailedPrecondition)]
    [InlineData("SOCKET_IN_BRIDGE", Errno.EBUSY, StatusCode.FailedPrecondition)]
    [InlineData("SOCKET_PATH_TAKEN", Errno.EADDRINUSE, StatusCode.FailedPrecondition)]
    [InlineData("SOCKET_PATH_INVALID", Errno.ENOENT, StatusCode.InvalidArgument)]
    [InlineData("SOCKET_PATH_DENIED", Errno.EACCES, StatusCode.FailedPrecondition)]
    [InlineData("WORKER_MISMATCH", Errno.EINVAL, StatusCode.FailedPrecondition)]
    [InlineData("LIMIT_REACHED", Errno.EMFILE, StatusCode.ResourceExhausted)]
    [InlineData("INVALID_SPEC", Errno.EINVAL, StatusCode.InvalidArgument)]
    public void ToRpc_FaultWithKnownReason_FollowsTheReason(string reason, Errno errno, StatusCode status)
    {
        RpcException answer = ErrorMap.ToRpc(new DataPlaneFaultException("what", "", errno, reason))!;

        Assert.Equal((status, reason), (answer.StatusCode, answer.Reason()));
    }

    [Theory]
    [InlineData("QUEUE_OUT_OF_RANGE", "spec.queue")]
    [InlineData("WORKER_CPU_UNKNOWN", "spec.worker_cpu")]
    [InlineData("NUMA_NODE_UNKNOWN", "spec.numa_node")]
    [InlineData("SOCKET_PATH_INVALID", "spec.socket_path")]
    [InlineData("INVALID_SPEC", "spec")]
    public void ToRpc_FaultOfAField_NamesTheField(string reason, string field)
    {
        RpcException answer = ErrorMap.ToRpc(new DataPlaneFaultException("what", "", Errno.EINVAL, reason))!;

        Assert.Equal(field, answer.Detail<BadRequest>().FieldViolations.Single().Field);
    }

    [Theory]
    [InlineData("no such thing", "bind", "no such thing (bind: EINVAL)")]
    [InlineData("queue 0: bind: EINVAL (Invalid argument)", "bind", "queue 0: bind: EINVAL (Invalid argument)")]
    [InlineData("a rule is broken", "", "a rule is broken")]
    public void ToRpc_FaultOfACall_NamesTheCallOnce(string message, string call, string expected)
    {
        RpcException answer = ErrorMap.ToRpc(new DataPlaneFaultException(message, call, Errno.EINVAL, ""))!;

        Assert.Equal(expected, answer.Status.Detail);
    }

    [Fact]
    public void ToRpc_InvalidSpec_CarriesEveryField()
    {
        RpcException answer = ErrorMap.ToRpc(new InvalidSpecException([new("a", "is wrong"), new("b", "too")]))!;

        Assert.Equal(
            [("a", "is wrong"), ("b", "too")],
            answer.Detail<BadRequest>().FieldViolations.Select(v => (v.Field, v.Description)));
    }

    [Fact]
    public void ToRpc_HundredsOfFaults_KeepsThoseThatFitATrailer()
    {
        SpecFault[] faults = [.. Enumerable.Range(0, 500).Select(i => new SpecFault($"f{i}", new string('x', 100)))];

        RpcException answer = ErrorMap.ToRpc(new InvalidSpecException(faults))!;

        Assert.InRange(answer.Detail<BadRequest>().FieldViolations.Count, 10, 499);
        Assert.InRange(answer.Trailers.GetValueBytes(ErrorMap.DetailsTrailer)!.Length, 1000, 4096);
        Assert.InRange(answer.Status.Detail.Length, 100, 1100);
    }

    [Fact]
    public void ToRpc_InUse_NamesTheUsers()
    {
        RpcException answer = ErrorMap.ToRpc(new ResourceInUseException("umem", "u", "xsk_socket", ["a", "b"]))!;

        Assert.Equal(
            ["xsk_socket:a", "xsk_socket:b"],
            answer.Detail<PreconditionFailure>().Violations.Select(v => v.Subject));
    }

    [Fact]
    public void ToRpc_Quota_LooksLikeTheKernelsAnswer()
    {
        RpcException answer = ErrorMap.ToRpc(new QuotaExceededException("team", 10, 5, 12))!;

        Assert.Equal((StatusCode.ResourceExhausted, "QUOTA_EXCEEDED"), (answer.StatusCode, answer.Reason()));
        Assert.Equal("ENOBUFS", answer.Detail<ErrorInfo>().Metadata["errno"]);
        Assert.Equal("owner:team", answer.Detail<QuotaFailure>().Violations.Single().Subject);
    }

    [Fact]
    public void ToRpc_NoDataPlane_SaysWhenToTryAgain()
    {
        RpcException answer = ErrorMap.ToRpc(new DataPlaneUnavailableException("gone"))!;

        Assert.Equal(StatusCode.Unavailable, answer.StatusCode);
        Assert.True(answer.Detail<RetryInfo>().RetryDelay.ToTimeSpan() > TimeSpan.Zero);
    }

    [Fact]
    public void ToRpc_Bug_IsNobodysToForesee() => Assert.Null(ErrorMap.ToRpc(new NotSupportedException()));
}
