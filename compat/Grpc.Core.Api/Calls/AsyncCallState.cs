namespace Grpc.Core;

/// <summary>What the four call objects share: headers, status, trailers and the way to drop the call.</summary>
/// <remarks>
/// A transport passes static functions and a state, which costs no closure per call; an interceptor passes plain ones.
/// Both end up here as the former.
/// </remarks>
internal readonly struct AsyncCallState
{
    private readonly Func<object, Task<Metadata>> _responseHeaders;
    private readonly Func<object, Status> _status;
    private readonly Func<object, Metadata> _trailers;
    private readonly Action<object> _dispose;
    private readonly object _state;

    internal AsyncCallState(
        Func<object, Task<Metadata>> responseHeaders,
        Func<object, Status> status,
        Func<object, Metadata> trailers,
        Action<object> dispose,
        object state)
    {
        _responseHeaders = responseHeaders;
        _status = status;
        _trailers = trailers;
        _dispose = dispose;
        _state = state;
    }

    internal AsyncCallState(
        Task<Metadata> responseHeaders, Func<Status> status, Func<Metadata> trailers, Action dispose)
    {
        _responseHeaders = _ => responseHeaders;
        _status = _ => status();
        _trailers = _ => trailers();
        _dispose = _ => dispose();
        _state = responseHeaders; // never looked at
    }

    internal Task<Metadata> ResponseHeaders() => _responseHeaders(_state);

    internal Status Status() => _status(_state);

    internal Metadata Trailers() => _trailers(_state);

    internal void Dispose() => _dispose(_state);
}
